"""A query's batches in Postgres: one connection, one lease, each batch once."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from pipelines.connectors.ledger import Entry, Lease, newest_entry, take_lease, write_entry
from pipelines.connectors.postgres import PostgresAddress, migrate, open_connection
from pipelines.errors import LakeError, ServiceError


class Ledgered:
    """Transactions of one query's run. `way_out`: what to do when Postgres lacks batches before."""

    def __init__(self, address: PostgresAddress, *, query: str, way_out: str) -> None:
        self._address = address
        self._query = query
        self._way_out = way_out
        self._connection: Connection | None = None
        self._lease: Lease | None = None

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """A transaction under the lease.

        Raises `ServiceError` when Postgres is away, `LakeError` once another driver has taken the query over.
        """
        try:
            connection, lease = self._open()
            with connection, connection.cursor() as cursor:
                lease.hold(cursor)
                yield cursor
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            self.close()
            why = " ".join(str(error).split())
            raise ServiceError(f"Postgres at {self._address} broke off: {why}.") from None

    @contextmanager
    def batch(self, entry: Entry) -> Iterator[tuple[Cursor, bool]]:
        """The transaction of a batch, and whether Postgres has yet to take it; it is in the ledger after.

        Raises as `transaction`, and `LakeError` when a batch before is missing.
        """
        with self.transaction() as cursor:
            is_new = not self._has(cursor, entry)
            yield cursor, is_new
            if is_new:
                write_entry(cursor, self._query, entry)

    def close(self) -> None:
        """Let go of the connection; the next batch opens another."""
        if self._connection is not None:
            with suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None

    def _open(self) -> tuple[Connection, Lease]:
        if self._connection is None:
            self._connection = open_connection(self._address, application=f"clicklake-{self._query}")
            migrate(self._connection)
        if self._lease is None:
            holder = f"{socket.gethostname()}:{os.getpid()}"
            self._lease = take_lease(self._connection, self._query, holder=holder)
        return self._connection, self._lease

    def _has(self, cursor: Cursor, entry: Entry) -> bool:
        """Whether the batch is there. Raises `LakeError` when one before it is not."""
        newest = newest_entry(cursor, self._query)
        known = newest is not None and newest.query_id == entry.query_id
        if newest is not None and known and newest.batch_id >= entry.batch_id:
            return True
        last = newest.batch_id if newest is not None and known else -1
        if last < entry.batch_id - 1:
            raise LakeError(
                f"Postgres holds batches of {self._query} up to {last}, and the next is {entry.batch_id}: "
                f"it was emptied, or restored from an older copy. {self._way_out}"
            )
        return False
