"""The daily settlement: what the stream could not see, and look-backs that it does not keep.

Orders of the last days are made anew from silver: clicks that came after the stream had given up on
them, messages and versions that came late. What the book holds of records beyond silver's position
stays as the stream wrote it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any, TypeVar

from psycopg2.extensions import connection as Connection
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from pipelines.connectors.delta import last_positions
from pipelines.connectors.lake_views import as_dataframe
from pipelines.connectors.ledger import newest_entry
from pipelines.connectors.names import ATTRIBUTE_ORDERS, CLEAN_SILVER, Names
from pipelines.contracts.positions import Vector
from pipelines.contracts.views import all_views
from pipelines.gold.attribution.amounts import SENT_LINE
from pipelines.gold.attribution.journeys import (
    dossiers_of,
    orders_made,
    paths_of,
    touches_of,
    with_person,
)
from pipelines.gold.attribution.shares import CREDITED, CreditPaths, Shares
from pipelines.runtime.attribution.book import Taken, replace_shares, settle_orders, store_dimensions
from pipelines.runtime.attribution.crediting import newest_fits
from pipelines.runtime.attribution.minutes import recount
from pipelines.runtime.streams.queries.clean_silver import WRITTEN

_CHUNK = 2_000
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Silver:
    """The tables that attribution reads, and how far they reach into Kafka.

    `made` are all orders as `orders_made` gives them, kept by Spark once they are counted until `close`.
    """

    orders: DataFrame
    made: DataFrame
    touches: DataFrame
    owners: DataFrame
    users: DataFrame
    products: DataFrame
    positions: Vector

    @classmethod
    def of(cls, spark: SparkSession, names: Names) -> "Silver":
        """The tables of the lake, as they are now."""

        def table(name: str) -> DataFrame:
            return spark.read.format("delta").load(names.table(name))

        orders = table("silver.orders")
        return cls(
            orders=orders,
            made=orders_made(orders).persist(),
            touches=touches_of(table("silver.events")),
            owners=as_dataframe(all_views()["silver.visitor_user"], spark, table),
            users=table("silver.users"),
            products=table("silver.products"),
            positions=last_positions(spark, [names.table(name) for name in WRITTEN], query=CLEAN_SILVER),
        )

    def made_since(self, days: int | None) -> DataFrame:
        """Orders of the last days before the newest one (none: all)."""
        newest = self.made.agg(F.max("ordered_at")).first() if days is not None else None
        if newest is None or newest[0] is None or days is None:
            return self.made
        return self.made.where(F.col("ordered_at") >= F.lit(newest[0] - timedelta(days=days)))

    def close(self) -> None:
        """Let Spark forget what it keeps."""
        self.made.unpersist()


def settle(connection: Connection, silver: Silver, *, days: int | None, look_back_seconds: int) -> int:
    """Make the orders of the last `days` (none: all) anew under the stream's look-back; how many."""
    made = silver.made_since(days)
    with connection, connection.cursor() as cursor:
        store_dimensions(cursor, _versions(silver.users), _versions(silver.products))
    dossiers = dossiers_of(made, silver.orders, silver.touches, look_back_seconds=look_back_seconds)
    settled = 0
    for chunk in _chunks(dossiers.toLocalIterator(prefetchPartitions=True)):
        taken = Taken(
            messages=[message for order in chunk for message in _messages(order)],
            pairs=[pair.asDict() for order in chunk for pair in order["touches"] or ()],
        )
        with connection, connection.cursor() as cursor:
            entry = newest_entry(cursor, ATTRIBUTE_ORDERS)
            settle_orders(
                cursor,
                taken,
                look_back_seconds=look_back_seconds,
                watermark=entry.watermark if entry else None,
                covered=silver.positions,
            )
        settled += len(chunk)
    return settled


def credit_people(connection: Connection, silver: Silver, *, days: int | None, look_back_seconds: int) -> int:
    """Credit the orders of the last `days` by all touches of the person in a long look-back; how many."""
    made = with_person(silver.made_since(days).where("is_paid"), silver.owners)
    touches = with_person(silver.touches, silver.owners)
    paths = paths_of(made, touches, by="person", look_back_seconds=look_back_seconds)
    with connection, connection.cursor() as cursor:
        fits = newest_fits(cursor)
    credit = CreditPaths(fits, look_back_seconds=look_back_seconds)
    credited = paths.mapInArrow(credit, from_arrow_schema(CREDITED))
    count = 0
    for chunk in _chunks(_by_order(credited.toLocalIterator(prefetchPartitions=True))):
        with connection, connection.cursor() as cursor:
            minutes = replace_shares(cursor, dict(chunk), look_back_seconds=look_back_seconds)
            recount(cursor, orders=minutes, failures=())
        count += len(chunk)
    return count


def _versions(rows: DataFrame) -> Iterator[dict[str, Any]]:
    """All versions of a dimension, their times in UTC microseconds."""
    plain = rows.withColumn("valid_from", F.unix_micros("valid_from")).drop("properties")
    return (row.asDict() for row in plain.toLocalIterator(prefetchPartitions=True))


def _messages(order: Row) -> Iterator[Mapping[str, Any]]:
    """The messages of an order, put together of their lines."""
    lines: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for line in order["messages"]:
        lines[line["topic"], line["partition"], line["offset"], line["event_id"]].append(line.asDict())
    for some in lines.values():
        ordered = sorted(some, key=lambda line: int(line["line_number"]))
        yield ordered[0] | {"lines": [{name: line[name] for name in SENT_LINE} for line in ordered]}


def _by_order(rows: Iterable[Row]) -> Iterator[tuple[str, list[Shares]]]:
    """Rows of one order, which come together, as the shares of each model."""
    shares: dict[tuple[str, int | None], dict[str, int]] = {}
    last: str | None = None
    for row in rows:
        if last is not None and row["order_id"] != last:
            yield last, _as_shares(shares)
            shares = {}
        last = row["order_id"]
        shares.setdefault((row["model"], row["fit_version"]), {})[row["source"]] = row["share_micros"]
    if last is not None:
        yield last, _as_shares(shares)


def _as_shares(found: Mapping[tuple[str, int | None], Mapping[str, int]]) -> list[Shares]:
    return [Shares(model, version, by_source) for (model, version), by_source in found.items()]


def _chunks(items: Iterable[_Item]) -> Iterator[Sequence[_Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
