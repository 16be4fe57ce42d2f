"""Remove old minutes from the dashboards' tables; harmless while the streams run, and when repeated."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from psycopg2.errors import InvalidSchemaName, UndefinedTable

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import connect
from pipelines.errors import ServiceError
from pipelines.runtime.attribution.retention import trim_minutes
from pipelines.runtime.embedded import postgres_endpoint
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line per table: how many rows were removed. Keeps `attribution.keep_minutes_hours`."""
    argparse.ArgumentParser(prog="trim_dashboards", description=__doc__).parse_args(arguments)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    keep = timedelta(hours=settings.attribution.keep_minutes_hours)
    with connect(postgres_endpoint(settings, names=names).address()) as connection:
        try:
            removed = trim_minutes(connection, keep=keep, now=datetime.now(UTC))
        except (InvalidSchemaName, UndefinedTable):
            raise ServiceError(
                "The database has no tables of dashboards yet: start `clicklake run stream_lake` once."
            ) from None
    for table, rows in removed.items():
        sys.stdout.write(json.dumps({"table": f"gold.{table}", "removed": rows}) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
