"""A job that runs one streaming query in a driver of its own."""

import argparse
from collections.abc import Sequence

from jobs.entry import Job
from pipelines.runtime.streams.driver import run_streams
from pipelines.settings import Settings


def query_job(query: str, description: str | None) -> Job:
    """The job of that query; its `--available-now` ends when all that was there is read."""

    def run(settings: Settings, arguments: Sequence[str]) -> None:
        parser = argparse.ArgumentParser(prog=query, description=description)
        parser.add_argument("--available-now", action="store_true", help="end when all is read")
        options = parser.parse_args(arguments)
        run_streams(settings, queries=[query], available_now=options.available_now)

    return run
