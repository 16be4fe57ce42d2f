"""Keeps the book for one run of the query: its connection, its lease, each batch once."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from pipelines.connectors.ledger import Entry, Lease, newest_entry, take_lease, write_entry
from pipelines.connectors.postgres import PostgresAddress, migrate, open_connection
from pipelines.errors import LakeError, ServiceError
from pipelines.gold.attribution.standing import OrderMessage, Position
from pipelines.runtime.attribution.book import Taken, write_batch
from pipelines.runtime.attribution.crediting import Credits, credits_of
from pipelines.runtime.attribution.messages import messages_at
from pipelines.runtime.attribution.touchpoints import StoredTouch, touches_taken


class Written(NamedTuple):
    """What the book holds of a batch: messages and touches first taken from its records, and credits."""

    messages: list[OrderMessage]
    touches: list[StoredTouch]
    credits: Credits


class BookKeeper:
    """Writes batches of one query. Raises `LakeError` once another driver has taken the query over."""

    def __init__(self, address: PostgresAddress, *, query: str, look_back_seconds: int) -> None:
        self._address = address
        self._query = query
        self._look_back = look_back_seconds
        self._connection: Connection | None = None
        self._lease: Lease | None = None

    def write(self, entry: Entry, taken: Taken) -> Written:
        """Write the batch unless it is there. Raises `ServiceError` when Postgres is away."""
        try:
            return self._write(entry, taken)
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            self.close()
            why = " ".join(str(error).split())
            raise ServiceError(f"Postgres at {self._address} broke off: {why}.") from None

    def close(self) -> None:
        """Let go of the connection; the next batch opens another."""
        if self._connection is not None:
            with suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None

    def _write(self, entry: Entry, taken: Taken) -> Written:
        if self._connection is None:
            self._connection = open_connection(self._address, application=f"clicklake-{self._query}")
            migrate(self._connection)
        if self._lease is None:
            holder = f"{socket.gethostname()}:{os.getpid()}"
            self._lease = take_lease(self._connection, self._query, holder=holder)
        with self._connection, self._connection.cursor() as cursor:
            self._lease.hold(cursor)
            if not self._has(cursor, entry):
                write_batch(
                    cursor,
                    taken,
                    batch_id=entry.batch_id,
                    look_back_seconds=self._look_back,
                    watermark=entry.watermark,
                )
                write_entry(cursor, self._query, entry)
            return self._stored(cursor, taken, entry.batch_id)

    def _has(self, cursor: Cursor, entry: Entry) -> bool:
        """Whether the batch is in the book. Raises `LakeError` when one before it is not."""
        newest = newest_entry(cursor, self._query)
        known = newest is not None and newest.query_id == entry.query_id
        if newest is not None and known and newest.batch_id >= entry.batch_id:
            return True
        last = newest.batch_id if newest is not None and known else -1
        if last < entry.batch_id - 1:
            raise LakeError(
                f"Postgres holds batches of {self._query} up to {last}, and the next is {entry.batch_id}: "
                "it was emptied, or restored from an older copy. "
                "Run `clicklake run settle_attribution --restore`."
            )
        return False

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
