"""Bring all that Kafka holds, and old events from files, into the lake in bounded batches, then end."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import SparkSession  # noqa: TID251 - only named: the driver opens it

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.errors import CheckFailed
from pipelines.runtime.embedded import broker_of
from pipelines.runtime.feeds.history import send_history
from pipelines.runtime.streams.conservation_check import ConservationResult, check_lake
from pipelines.runtime.streams.driver import run_streams
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Send the files, land and clean up to the position Kafka then has, check, and end there.

    `stream_lake` goes on from that position. Needs the lake for itself: no other driver may run.
    """
    parser = argparse.ArgumentParser(prog="load_history", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="old events; none: what Kafka holds")
    parser.add_argument("--mapping", help="how to read the files; see `clicklake mapping list`")
    options = parser.parse_args(arguments)
    found: list[ConservationResult] = []
    sent: list[int] = []

    def send() -> None:
        report = send_history(settings, options.files, options.mapping)
        sent.append(report.sent if report else 0)

    def check(spark: SparkSession, names: Names) -> None:
        found.append(check_lake(spark, names, bootstrap=broker_of(settings, names)))

    run_streams(settings, available_now=True, first=send, at_rest=check)
    (result,) = found
    sys.stdout.write(json.dumps({"sent": sent[0], **result.as_data()}) + "\n")
    if not result.holds:
        raise CheckFailed("conservation does not hold: see the rows that are not sound.")


if __name__ == "__main__":
    sys.exit(run_job(run))
