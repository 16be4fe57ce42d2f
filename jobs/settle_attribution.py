"""Settle who is credited: clicks that came too late for the stream, long look-backs, fitted models."""

import argparse
import json
import sys
from collections.abc import Sequence

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.runtime.attribution.settlement import settle_all
from pipelines.runtime.embedded import postgres_endpoint
from pipelines.runtime.streams.session import open_session
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line of JSON. Runs beside the stream; made to be run once a day."""
    parser = argparse.ArgumentParser(prog="settle_attribution", description=__doc__)
    parser.add_argument("--days", type=_count, default=3, help="orders of the last days are settled")
    parser.add_argument("--all", action="store_true", help="settle all orders")
    parser.add_argument(
        "--restore", action="store_true", help="settle all, and let the stream go on from there"
    )
    options = parser.parse_args(arguments)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    address = postgres_endpoint(settings, names=names).address()
    spark = open_session(settings, names, app="settle_attribution")
    days = None if options.all or options.restore else options.days
    done = settle_all(spark, names, address, rules=settings.attribution, days=days, restore=options.restore)
    spark.stop()
    sys.stdout.write(json.dumps(done) + "\n")


def _count(text: str) -> int:
    days = int(text)
    if days < 1:
        raise ValueError
    return days


if __name__ == "__main__":
    sys.exit(run_job(run))
