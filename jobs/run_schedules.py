"""Run the daily work: every job of the setting `schedules` when it is due, one after the other."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from jobs.cli.commands.run import schedulable
from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.errors import CheckFailed
from pipelines.runtime.embedded import postgres_endpoint
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.schedules.ledger import Ledger
from pipelines.runtime.schedules.plan import planned
from pipelines.runtime.schedules.run import Scheduler
from pipelines.runtime.schedules.running import Runner
from pipelines.runtime.signals import stop_on
from pipelines.settings import Settings

_LOCK_SECONDS = 5.0


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Run until SIGTERM; with `--once` what is due now, and exit code 1 when a job did not end well."""
    parser = argparse.ArgumentParser(prog="run_schedules", description=__doc__)
    parser.add_argument("--once", action="store_true", help="run what is due, then end")
    once = parser.parse_args(arguments).once
    plan = planned(settings.schedules, known=schedulable())
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    ledger = Ledger(postgres_endpoint(settings, names=names).address())
    stop = stop_on(signal.SIGINT, signal.SIGTERM)
    runner = Runner(names, environment=os.environ)
    scheduler = Scheduler(plan, ledger, runner, stop.wait)
    with held(names.var_dir / "run" / "run_schedules.lock", limit_seconds=_LOCK_SECONDS):
        if not once:
            scheduler.run_until_stopped()
        elif failed := scheduler.run_due():
            raise CheckFailed(f"{failed} scheduled runs did not end well: see `clicklake schedules`.")


if __name__ == "__main__":
    sys.exit(run_job(run))
