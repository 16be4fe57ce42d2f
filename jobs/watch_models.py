"""Look whether champions are still what they were: an alert is noted, and reopens the contest. No Spark."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from jobs.entry import run_job
from jobs.run_contest import hold_contests
from pipelines.gold.problems import all_problems
from pipelines.settings import Settings
from training.retraining import site_of
from training.watching import watch


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line of JSON for each champion, and one for each contest that an alert reopened."""
    parser = argparse.ArgumentParser(prog="watch_models", description=__doc__)
    parser.add_argument("--look-only", action="store_true", help="note alerts, but hold no contest")
    parser.add_argument("--seed", type=int, default=7, help="of searches and resamples")
    options = parser.parse_args(arguments)
    site = site_of(settings, seed=options.seed)
    for problem in all_problems().values():
        found = watch(problem, site, now=datetime.now(UTC))
        if found is None:
            continue
        told = {"problem": problem.name, "version": found.version, "decisions": found.rows}
        raised = [one.message for one in found.alerts]
        sys.stdout.write(json.dumps(told | {"alerts": raised, "cleared": found.cleared}) + "\n")
        if raised and not options.look_only:
            hold_contests(problem, site, most=1, reason="alert")


if __name__ == "__main__":
    sys.exit(run_job(run))
