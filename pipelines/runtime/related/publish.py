"""The lists in Postgres, in one transaction with the row of `ops.ledger`, and how often they were right."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psycopg2.extras import execute_values
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.connectors.ledger import Entry, write_entry
from pipelines.connectors.postgres import PostgresAddress, connect, migrate
from pipelines.contracts.positions import Coverage
from pipelines.gold.related.hit_rate import HitRate
from pipelines.gold.related.rules import Measure

_NO_CHECKPOINT = "a job, without a checkpoint"


def publish(written: DataFrame, address: PostgresAddress, *, coverage: Coverage) -> None:
    """Replace all lists by the rows of `gold.related_products`. Raises `ServiceError`."""
    with connect(address, application=coverage.query) as connection:
        migrate(connection)
        with connection, connection.cursor() as cursor:
            cursor.execute("delete from gold.related_products")
            statement = "insert into gold.related_products (sort, product_id, products, scores) values %s"
            execute_values(cursor, statement, _lists(written), page_size=1000)
            entry = Entry(_NO_CHECKPOINT, coverage.batch_id, coverage.positions, None)
            write_entry(cursor, coverage.query, entry)


def _lists(written: DataFrame) -> Iterator[tuple[Any, ...]]:
    """A list a row, never all of them in memory."""
    named = F.array_sort(F.collect_list(F.struct("place", "related_product_id", "score")))
    lists = written.groupBy("sort", "product_id").agg(named.alias("named"))
    for row in lists.toLocalIterator():
        yield (
            row["sort"],
            row["product_id"],
            [one["related_product_id"] for one in row["named"]],
            [one["score"] for one in row["named"]],
        )


def note_hit_rates(address: PostgresAddress, found: Mapping[Measure, Sequence[HitRate]]) -> None:
    """Add what was measured now. Raises `ServiceError`."""
    rows = [
        (one.sort, measure, one.split_at, one.steps, one.visitors, *_figures(one))
        for measure, rates in found.items()
        for one in rates
    ]
    template = f"(now(), {', '.join(['%s'] * 14)})"
    with (
        connect(address, application="build_related") as connection,
        connection,
        connection.cursor() as cursor,
    ):
        execute_values(cursor, "insert into gold.related_hit_rates values %s", rows, template=template)


def _figures(one: HitRate) -> Iterator[float | None]:
    for rate in (one.hits, one.popular, one.gain):
        yield from (rate.value, rate.low, rate.high)
