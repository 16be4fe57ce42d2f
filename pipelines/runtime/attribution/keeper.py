"""Keeps the book for one run of the query: its connection, its lease, each batch once."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor

from pipelines.connectors.ledger import Entry
from pipelines.connectors.postgres import PostgresAddress
from pipelines.gold.attribution.standing import OrderMessage, Position
from pipelines.runtime.attribution.book import Taken, write_batch
from pipelines.runtime.attribution.crediting import Credits, credits_of
from pipelines.runtime.attribution.messages import messages_at
from pipelines.runtime.attribution.touchpoints import StoredTouch, touches_taken
from pipelines.runtime.streams.ledgered import Ledgered

_WAY_OUT = "Run `clicklake run settle_attribution --restore`."


class Written(NamedTuple):
    """What the book holds of a batch: messages and touches first taken from its records, and credits."""

    messages: list[OrderMessage]
    touches: list[StoredTouch]
    credits: Credits


class BookKeeper:
    """Writes batches of one query. Raises `LakeError` once another driver has taken the query over."""

    def __init__(self, address: PostgresAddress, *, query: str, look_back_seconds: int) -> None:
        self._look_back = look_back_seconds
        self._ledgered = Ledgered(address, query=query, way_out=_WAY_OUT)

    def write(self, entry: Entry, taken: Taken) -> Written:
        """Write the batch unless it is there. Raises `ServiceError` when Postgres is away."""
        with self._ledgered.batch(entry) as (cursor, is_new):
            if is_new:
                write_batch(
                    cursor,
                    taken,
                    batch_id=entry.batch_id,
                    look_back_seconds=self._look_back,
                    watermark=entry.watermark,
                )
            return self._stored(cursor, taken, entry.batch_id)

    def close(self) -> None:
        """Let go of the connection; the next batch opens another."""
        self._ledgered.close()

    def _stored(self, cursor: Cursor, taken: Taken, batch_id: int) -> Written:
        clicks, sent = ([_position(one) for one in some] for some in (taken.pairs, taken.messages))
        # Rows are found by their orders: there is no index of positions.
        orders = sorted({one["order_id"] for one in (*taken.messages, *taken.pairs)})
        messages = messages_at(cursor, sent, orders=orders)
        touches = touches_taken(cursor, clicks, orders=orders, batch_id=batch_id)
        credited = sorted({one.order_id for one in messages})
        return Written(messages, touches, credits_of(cursor, credited, look_back_seconds=self._look_back))


def _position(one: Mapping[str, Any]) -> Position:
    return Position(one["ingested_at"], one["topic"], one["partition"], one["offset"])
