"""Note what became of decisions, for the view `gold.decisions`, and publish figures of them. No Spark."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.errors import SettingsError
from pipelines.gold.problems import all_problems
from pipelines.runtime.decisions.build import build_decisions
from pipelines.runtime.decisions.figures import publish_figures
from pipelines.runtime.embedded import postgres_endpoint
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line of JSON. Runs beside the streams; made to be run every few minutes."""
    parser = argparse.ArgumentParser(prog="build_decisions", description=__doc__)
    parser.add_argument("--block", type=int, default=1_000, help="decisions by which models are judged")
    options = parser.parse_args(arguments)
    if options.block < 1:
        raise SettingsError(f"--block {options.block}: it takes at least one decision")
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    problems = list(all_problems().values())
    late, now = settings.labels.late_seconds, datetime.now(UTC)
    done = build_decisions(names, problems, late_seconds=late, now=now)
    postgres = postgres_endpoint(settings, names=names).address()
    publish_figures(names, postgres, problems, block=options.block, now=now)
    sys.stdout.write(json.dumps(done.as_data()) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
