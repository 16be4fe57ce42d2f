"""What feature sets look at: events and order lines of silver as rows of one shape."""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.contracts.positions import Vector
from pipelines.contracts.topics import all_topics

ORDER_KINDS = {
    "placed": "order_placed",
    "paid": "purchase",
    "payment_failed": "payment_failed",
    "refunded": "order_refunded",
    "cancelled": "order_cancelled",
}
"""The kind of an order's line by its state; an event's kind is its event_type."""
TABLES = tuple(all_topics()[name].table for name in ("clicks", "orders"))
"""The silver tables that feature events are made from."""
_EVENTS, _ORDERS = TABLES
_POSITION = ("topic", "partition", "offset", "ingested_at", "known_at")
_OF_BOTH = (
    "occurred_at",
    "visitor_id",
    "user_id",
    "session_id",
    "product_id",
    "category_id",
    "category",
    "brand",
)
_OF_EVENTS = (
    "page_type",
    "element",
    "offer_id",
    "country",
    "traffic_source",
    "traffic_medium",
    "traffic_campaign",
    "device_class",
)
_TYPES = {
    "partition": pa.int32(),
    "offset": pa.int64(),
    "price_minor": pa.int64(),
    "quantity": pa.int64(),
    "ingested_at": pa.int64(),
    "known_at": pa.int64(),
    "occurred_at": pa.int64(),
}
COLUMNS = ("kind", "event_id", *_OF_BOTH, "price_minor", "quantity", *_OF_EVENTS, "properties", *_POSITION)
_NOTHING = dict.fromkeys(COLUMNS)
_SAME = (*_OF_BOTH, *_POSITION, "quantity", "properties")
_SAME_OF_EVENTS = (*_SAME, *_OF_EVENTS)
EVENT = pa.schema([(name, _TYPES.get(name, pa.string())) for name in COLUMNS])
"""One row per behavioural event and per line of an order's version; times in UTC microseconds."""


def of_tables(rows: Mapping[str, DataFrame]) -> DataFrame:
    """Rows of `TABLES` as feature events; tables that are not given have none."""
    made = {_EVENTS: _of_events, _ORDERS: _of_orders}
    frames = [made[table](frame) for table, frame in rows.items() if table in made]
    first, *others = frames
    for other in others:
        first = first.unionByName(other)
    return first


def between(events: DataFrame, *, since: Vector, until: Vector) -> DataFrame:
    """The events from the one vector of positions, which is included, to the other, which is not."""
    return events.where(below(until) & ~below(since))


def of_row(table: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """A silver row, times in UTC microseconds, as a feature event; None when its table has no part."""
    if table not in TABLES:
        return None
    is_order = table == _ORDERS
    found = {**_NOTHING, **{name: row.get(name) for name in (_SAME if is_order else _SAME_OF_EVENTS)}}
    if is_order:
        line = {"event_id": f"{row['event_id']}#{row['line_number']}", "kind": ORDER_KINDS[row["status"]]}
        return found | line | {"price_minor": row.get("unit_price_minor")}
    return found | {name: row.get(name) for name in ("event_id", "price_minor")} | {"kind": row["event_type"]}


def of_rows(table: str, rows: pa.Table) -> list[dict[str, Any]]:
    """The feature events of silver rows in their order; none when their table has no part."""
    for number, one in enumerate(rows.schema):
        if pa.types.is_timestamp(one.type):
            rows = rows.set_column(number, one.name, pc.cast(rows[one.name], pa.int64()))
    return [event for row in rows.to_pylist() if (event := of_row(table, row)) is not None]


def table_of(events: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Feature events as one table."""
    return pa.Table.from_pylist([dict(one) for one in events], schema=EVENT)


def below(vector: Vector) -> Column:
    """Whether an event lies below the positions."""
    here = F.lit(False)
    for (topic, partition), offset in vector.items():
        place = (F.col("topic") == topic) & (F.col("partition") == partition)
        here = here | (place & (F.col("offset") < offset))
    return here


def _of_events(rows: DataFrame) -> DataFrame:
    return _selected(rows, {"kind": F.col("event_type")})


def _of_orders(rows: DataFrame) -> DataFrame:
    kind = F.create_map(*(F.lit(text) for pair in ORDER_KINDS.items() for text in pair))
    made = {
        "kind": kind[F.col("status")],
        "event_id": F.concat_ws("#", "event_id", F.col("line_number").cast("string")),
        "price_minor": F.col("unit_price_minor"),
    }
    return _selected(rows, made | {name: F.lit(None).cast("string") for name in _OF_EVENTS})


def _selected(rows: DataFrame, made: dict[str, Column]) -> DataFrame:
    times = {name: F.unix_micros(name) for name in ("occurred_at", "ingested_at", "known_at")}
    found = {name: F.col(name) for name in COLUMNS if name not in made} | times | made
    return rows.select(*(found[name].alias(name) for name in COLUMNS))
