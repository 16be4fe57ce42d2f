"""Take in what was decided, and what became of it: `gold.decisions`. No Spark."""

import argparse
import json
import sys
from collections.abc import Sequence

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.gold.problems import all_problems
from pipelines.runtime.decisions.build import build_decisions
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line of JSON. Runs beside the streams; made to be run every few minutes."""
    argparse.ArgumentParser(prog="build_decisions", description=__doc__).parse_args(arguments)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    problems = list(all_problems().values())
    done = build_decisions(names, problems, late_seconds=settings.labels.late_seconds)
    sys.stdout.write(json.dumps(done.as_data()) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
