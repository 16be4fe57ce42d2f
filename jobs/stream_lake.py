"""Run the lake's streaming queries in one driver: Kafka → bronze → silver, until SIGTERM."""

import argparse
import sys
from collections.abc import Sequence

from jobs.entry import run_job
from pipelines.runtime.driver import run_streams
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Run all queries; `--available-now` ends when all that was there is read."""
    parser = argparse.ArgumentParser(prog="stream_lake", description=__doc__)
    parser.add_argument("--available-now", action="store_true", help="end when all is read")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="for the services")
    options = parser.parse_args(arguments)
    run_streams(settings, available_now=options.available_now, wait_seconds=options.wait)


if __name__ == "__main__":
    sys.exit(run_job(run))
