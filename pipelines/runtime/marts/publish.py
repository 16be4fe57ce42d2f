"""The marts in Postgres: what panels need of them, in one transaction with the row of `ops.ledger`."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from pipelines.connectors.ledger import Entry, write_entry
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress, connect, migrate
from pipelines.contracts.gold import DAY, PATHS, SESSIONS
from pipelines.contracts.positions import Coverage, Vector, nested
from pipelines.contracts.tables import TableSpec
from pipelines.gold.marts import Mart, all_marts

PATHS_A_DAY = 100
"""Most frequent paths of a day that Postgres holds; Delta has all."""

_NO_CHECKPOINT = "a job, without a checkpoint"


def publish(
    spark: SparkSession,
    names: Names,
    address: PostgresAddress,
    *,
    coverage: Coverage,
    days: Sequence[date] | None,
    since: Vector | None = None,
) -> None:
    """Replace these days by what the lake's marts hold; null: everything.

    Everything, too, when the ledger does not stand at `since`: another database, or a run that died.
    Raises `ServiceError` when Postgres is away.
    """
    with connect(address, application=coverage.query) as connection:
        migrate(connection)
        with connection, connection.cursor() as cursor:
            follows = since is not None and _standing(cursor, coverage.query) == nested(since)
            for mart in _published():
                wanted = days if follows and mart.is_by_day else None
                _replace(cursor, mart.table, _rows(spark, names, mart.table, wanted), wanted)
            write_entry(
                cursor, coverage.query, Entry(_NO_CHECKPOINT, coverage.batch_id, coverage.positions, None)
            )


def stands_at(address: PostgresAddress, positions: Vector, *, query: str) -> bool:
    """Whether Postgres holds the marts of these positions. Raises `ServiceError` when it is away."""
    with connect(address, application=query) as connection:
        migrate(connection)
        with connection, connection.cursor() as cursor:
            return _standing(cursor, query) == nested(positions)


def _published() -> list[Mart]:
    """All marts but the sessions, of which a dashboard needs the sums alone."""
    return [mart for mart in all_marts().values() if mart.table is not SESSIONS]


def _standing(cursor: Cursor, query: str) -> object:
    """The positions of the ledger, whose row is locked; none when there is none."""
    cursor.execute("select positions from ops.ledger where query = %s for update", (query,))
    found = cursor.fetchone()
    return None if found is None else found[0]


def _rows(
    spark: SparkSession, names: Names, spec: TableSpec, days: Sequence[date] | None
) -> list[tuple[Any, ...]]:
    rows = spark.read.format("delta").load(names.table(spec.name))
    if days is not None:
        rows = rows.where(F.col(DAY).isin(*days))
    if spec is PATHS:
        rows = rows.where(F.col("place") <= PATHS_A_DAY)
    columns = rows.select(*spec.column_names).toArrow().to_pydict()
    return list(zip(*columns.values(), strict=True))


def _replace(
    cursor: Cursor, spec: TableSpec, rows: Sequence[tuple[Any, ...]], days: Sequence[date] | None
) -> None:
    table, columns = spec.name, ", ".join(spec.column_names)
    if days is None:
        cursor.execute(f"delete from {table}")  # noqa: S608 - declared names, as below
    else:
        cursor.execute(f"delete from {table} where {DAY} = any(%s)", (list(days),))  # noqa: S608
    execute_values(cursor, f"insert into {table} ({columns}) values %s", rows, page_size=1000)  # noqa: S608
