"""Run the lake's streaming queries in one driver: Kafka → bronze → silver, until SIGTERM."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import SparkSession  # noqa: TID251 - only named: the driver opens it

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.runtime.embedded import broker_of
from pipelines.runtime.streams.conservation_check import check_lake
from pipelines.runtime.streams.driver import run_streams
from pipelines.runtime.streams.queries import all_queries
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Run all queries, or those of `--only`; `--available-now` ends when all that was there is read.

    With `--check FILE` the result of the conservation check is written once the queries are at rest.
    """
    parser = argparse.ArgumentParser(prog="stream_lake", description=__doc__)
    parser.add_argument("--available-now", action="store_true", help="end when all is read")
    parser.add_argument("--only", type=_queries, metavar="QUERY,...", help="these queries alone")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="for the services")
    parser.add_argument("--check", type=Path, metavar="FILE", help="check conservation at the end")
    options = parser.parse_args(arguments)

    def check(spark: SparkSession, names: Names) -> None:
        if options.check:
            result = check_lake(spark, names, bootstrap=broker_of(settings, names))
            options.check.write_text(json.dumps(result.as_data()))

    run_streams(
        settings,
        queries=options.only,
        available_now=options.available_now,
        wait_seconds=options.wait,
        at_rest=check,
    )


def _queries(text: str) -> list[str]:
    named = list(dict.fromkeys(text.split(",")))
    for name in named:
        if name not in all_queries():
            raise argparse.ArgumentTypeError(
                f"there is no query `{name}`; the queries are {', '.join(all_queries())}"
            )
    return named


if __name__ == "__main__":
    sys.exit(run_job(run))
