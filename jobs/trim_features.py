"""Remove from Postgres what no reader of features can see; harmless while the streams run."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from psycopg2.errors import InvalidSchemaName, UndefinedTable

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import connect
from pipelines.errors import ServiceError
from pipelines.runtime.embedded import postgres_endpoint
from pipelines.runtime.features.forgetting import forget_all
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line of JSON: set → rows removed. Keeps `features.keep_days` after an entity's last event."""
    argparse.ArgumentParser(prog="trim_features", description=__doc__).parse_args(arguments)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    with connect(postgres_endpoint(settings, names=names).address()) as connection:
        try:
            keep_days = settings.features.keep_days
            removed = forget_all(connection, now=datetime.now(UTC), keep_days=keep_days)
        except (InvalidSchemaName, UndefinedTable):
            raise ServiceError(
                "The database has no tables of features yet: start `clicklake run stream_lake` once."
            ) from None
    sys.stdout.write(json.dumps({name: counts._asdict() for name, counts in removed.items()}) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
