"""Label what the stream does not: history, new problems, decisions that came too late."""

import argparse
import json
import sys
from collections.abc import Sequence

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.errors import SettingsError
from pipelines.gold.problems import all_problems
from pipelines.runtime.labels.settle import settle_labels
from pipelines.runtime.streams.session import for_long_jobs, open_session
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line of JSON. Runs beside the stream; made to be run once a day."""
    parser = argparse.ArgumentParser(prog="settle_labels", description=__doc__)
    parser.add_argument("--days", type=int, default=3, help="decisions of the last days are settled")
    parser.add_argument("--all", action="store_true", help="settle all decisions")
    options = parser.parse_args(arguments)
    if options.days < 1:
        raise SettingsError(f"--days {options.days}: it takes at least one")
    days = None if options.all else options.days
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    spark = open_session(for_long_jobs(settings), names, app="settle_labels")
    late = settings.labels.late_seconds
    done = settle_labels(spark, names, list(all_problems().values()), late_seconds=late, days=days)
    spark.stop()
    sys.stdout.write(json.dumps(done) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
