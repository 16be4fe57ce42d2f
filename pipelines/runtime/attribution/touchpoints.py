"""Touches of orders as rows of gold.touchpoints."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from pipelines.gold.attribution.standing import Position
from pipelines.gold.attribution.touches import Touch
from pipelines.runtime.attribution.clock import micros, moment

_COLUMNS = (
    *("order_id", "visitor_id", "event_id", "topic", "partition", '"offset"'),
    *("occurred_at", "source", "medium", "campaign"),
)
_ADD = f"insert into gold.touchpoints ({', '.join(_COLUMNS)}, batch_id) values %s on conflict do nothing"  # noqa: S608 - constants
_READ = f"select {', '.join(_COLUMNS)} from gold.touchpoints where "  # noqa: S608 - constants
_TAKEN_IN = """
    batch_id = %s
    and (topic, partition, "offset") in (select * from unnest(%s::text[], %s::integer[], %s::bigint[]))
    order by topic, partition, "offset", order_id
"""


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


def store_touches(cursor: Cursor, pairs: Sequence[Mapping[str, Any]], *, batch_id: int | None) -> None:
    """Add touches in the order of their arrival; a click that an order has already changes nothing.

    `batch_id`: the stream's batch that brings them, none of the daily job.
    """
    ordered = sorted(
        pairs, key=lambda one: (one["ingested_at"], one["topic"], one["partition"], one["offset"])
    )
    names = [name.strip('"') for name in _COLUMNS]
    rows = [[*(moment(one[n]) if n == "occurred_at" else one[n] for n in names), batch_id] for one in ordered]
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


def touches_taken(cursor: Cursor, positions: Sequence[Position], *, batch_id: int) -> list[StoredTouch]:
    """The touches that this batch was the first to take, from clicks at these positions.

    The same click may have come to other orders, or to other messages of the order, in batches before.
    """
    topics, partitions, offsets = ([one[n] for one in positions] for n in (1, 2, 3))
    cursor.execute(_READ + _TAKEN_IN, (batch_id, topics, partitions, offsets))
    return list(map(StoredTouch._make, cursor))
