"""Touches of orders as rows of gold.touchpoints."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from pipelines.contracts.clock import micros, moment
from pipelines.gold.attribution.standing import Position
from pipelines.gold.attribution.touches import Touch

_COLUMNS = (
    *("order_id", "visitor_id", "event_id", "topic", "partition", '"offset"'),
    *("occurred_at", "source", "medium", "campaign"),
)
_KEY = "order_id, md5(visitor_id), md5(event_id)"
_ADD = f"""
insert into gold.touchpoints as known ({", ".join(_COLUMNS)}, batch_id) values %s
on conflict ({_KEY}) do update set batch_id = excluded.batch_id
where known.batch_id is null and excluded.batch_id is not null
"""  # noqa: S608 - constants
_READ = f"select {', '.join(_COLUMNS)} from gold.touchpoints where "  # noqa: S608 - constants
_BATCHES = """
select order_id, visitor_id, event_id, batch_id from gold.touchpoints
where order_id = any(%s) and batch_id is not null
"""
_TAKEN_IN = """
    order_id = any(%s) and batch_id = %s
    and (topic, partition, "offset") in (select * from unnest(%s::text[], %s::integer[], %s::bigint[]))
    order by topic, partition, "offset", order_id
"""

TouchKey = tuple[str, str, str]
"""Order, visitor, event."""


class StoredTouch(NamedTuple):
    """A touch of an order, and where the click arrived."""

    order_id: str
    visitor_id: str
    event_id: str
    topic: str
    partition: int
    offset: int
    occurred_at: datetime
    source: str
    medium: str | None
    campaign: str | None


def store_touches(cursor: Cursor, pairs: Sequence[Mapping[str, Any]], *, batch_id: int) -> None:
    """Add the touches that this batch of the stream brings; of a click's copies the first to arrive.

    One that an order has already stays, and is this batch's if only the daily job has seen it before.
    """
    _store(cursor, pairs, lambda _: batch_id)


def store_settled(
    cursor: Cursor, pairs: Sequence[Mapping[str, Any]], *, taken_by: Mapping[TouchKey, int]
) -> None:
    """Add the touches that the daily job has found, each with the stream's batch that had taken it."""
    _store(cursor, pairs, taken_by.get)


def batches_of(cursor: Cursor, orders: Sequence[str]) -> dict[TouchKey, int]:
    """The stream's batch that took each touch of these orders; none of what the daily job alone has seen."""
    cursor.execute(_BATCHES, (list(orders),))
    return {(order_id, visitor_id, event_id): batch for order_id, visitor_id, event_id, batch in cursor}


def _store(
    cursor: Cursor, pairs: Sequence[Mapping[str, Any]], batch_of: Callable[[TouchKey], int | None]
) -> None:
    ordered = sorted(
        pairs, key=lambda one: (one["ingested_at"], one["topic"], one["partition"], one["offset"])
    )
    first: dict[TouchKey, Mapping[str, Any]] = {}
    for one in ordered:
        first.setdefault((one["order_id"], one["visitor_id"], one["event_id"]), one)
    names = [name.strip('"') for name in _COLUMNS]
    rows = [
        [*(moment(one[n]) if n == "occurred_at" else one[n] for n in names), batch_of(key)]
        for key, one in first.items()
    ]
    execute_values(cursor, _ADD, rows, page_size=1000)


def touches_of(cursor: Cursor, orders: Sequence[str]) -> dict[str, list[Touch]]:
    """Order → its touches so far."""
    cursor.execute(_READ + "order_id = any(%s)", (list(orders),))
    found: dict[str, list[Touch]] = defaultdict(list)
    for one in map(StoredTouch._make, cursor):
        touch = Touch(
            micros(one.occurred_at), one.event_id, one.visitor_id, one.source, one.medium, one.campaign
        )
        found[one.order_id].append(touch)
    return found


def touches_taken(
    cursor: Cursor, positions: Sequence[Position], *, orders: Sequence[str], batch_id: int
) -> list[StoredTouch]:
    """The touches of these orders that this batch was the first to take, from clicks at these positions.

    The same click may have come to other orders, or to other messages of the order, in batches before.
    """
    topics, partitions, offsets = ([one[n] for one in positions] for n in (1, 2, 3))
    cursor.execute(_READ + _TAKEN_IN, (list(orders), batch_id, topics, partitions, offsets))
    return list(map(StoredTouch._make, cursor))
