"""Parse and validate bronze records into silver rows and dead letters, until SIGTERM."""

import argparse
import sys
from collections.abc import Sequence

from jobs.entry import run_job
from pipelines.connectors.names import CLEAN_SILVER
from pipelines.runtime.streams.driver import run_streams
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Run this one query; `--available-now` ends when all that was there is read."""
    parser = argparse.ArgumentParser(prog="clean_silver", description=__doc__)
    parser.add_argument("--available-now", action="store_true", help="end when all is read")
    options = parser.parse_args(arguments)
    run_streams(settings, queries=[CLEAN_SILVER], available_now=options.available_now)


if __name__ == "__main__":
    sys.exit(run_job(run))
