"""Give labels the features that were known at their decisions: what models learn from."""

import argparse
import json
import sys
from collections.abc import Sequence

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.errors import SettingsError
from pipelines.gold.problems import all_problems
from pipelines.runtime.labels.examples import build_examples
from pipelines.runtime.streams.session import for_long_jobs, open_session
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line of JSON: problem → examples added. Runs beside the streams."""
    parser = argparse.ArgumentParser(prog="build_examples", description=__doc__)
    parser.add_argument("--rebuild", metavar="PROBLEM", help="make all examples of one problem anew")
    options = parser.parse_args(arguments)
    problems = all_problems()
    if options.rebuild is not None and options.rebuild not in problems:
        raise SettingsError(f"there is no problem `{options.rebuild}`; they are {', '.join(problems)}")
    chosen = [problems[options.rebuild]] if options.rebuild else list(problems.values())
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    spark = open_session(for_long_jobs(settings), names, app="build_examples")
    made = build_examples(spark, names, chosen, anew=bool(options.rebuild))
    spark.stop()
    sys.stdout.write(json.dumps(made) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
