"""All steps of the daily settlement, and bringing an emptied Postgres back."""

import time
from contextlib import closing
from typing import Any

from psycopg2.extensions import connection as Connection
from pyspark.sql import SparkSession

from pipelines.connectors.ledger import Entry, write_entry
from pipelines.connectors.names import ATTRIBUTE_ORDERS, Names
from pipelines.connectors.postgres import PostgresAddress, connect, migrate
from pipelines.errors import LakeError
from pipelines.runtime.attribution.fitting import fit_models
from pipelines.runtime.attribution.settle import Silver, credit_people, settle
from pipelines.runtime.streams.checkpoint import committed_batch, query_id
from pipelines.settings import Attribution

_DAY_SECONDS = 86_400


def settle_all(
    spark: SparkSession,
    names: Names,
    address: PostgresAddress,
    *,
    rules: Attribution,
    days: int | None,
    restore: bool,
) -> dict[str, Any]:
    """Fit the models, settle the orders of the last `days` (none: all), credit under the long look-back.

    With `restore` the stream may go on from what is in Postgres then. Raises `LakeError` before silver's
    first batch, `ServiceError` when Postgres is away.
    """
    began = time.monotonic()
    with (
        closing(Silver.of(spark, names)) as silver,
        connect(address, application="clicklake-settle") as connection,
    ):
        if not silver.positions:
            raise LakeError(f"{names.lake}: silver has no batch yet: run `clicklake run stream_lake` first.")
        migrate(connection)
        fits = fit_models(connection, silver, days=rules.fit_days)
        settled = settle(connection, silver, days=days, look_back_seconds=rules.look_back_seconds)
        long = rules.long_look_back_days * _DAY_SECONDS
        credited = credit_people(connection, silver, days=days, look_back_seconds=long)
        if restore:
            _let_go_on(spark, names, connection, silver)
    seconds = round(time.monotonic() - began, 1)
    return {
        "settled": settled,
        "credited": credited,
        "look_back_seconds": long,
        "fits": fits,
        "seconds": seconds,
    }


def _let_go_on(spark: SparkSession, names: Names, connection: Connection, silver: Silver) -> None:
    """Note in the ledger that the book holds what the stream had written."""
    checkpoint = names.checkpoint(ATTRIBUTE_ORDERS)
    committed = committed_batch(spark, checkpoint)
    if committed is None:
        return
    entry = Entry(query_id(spark, checkpoint), committed, silver.positions, None)
    with connection, connection.cursor() as cursor:
        write_entry(cursor, ATTRIBUTE_ORDERS, entry)
