"""Which batches of a query are in Postgres, and which driver may add the next: lease and ledger.

A driver takes the lease when its query starts. Each transaction holds the lease's row, so that a driver
that was thought dead, and comes back after another took over, is refused and changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from pipelines.contracts.positions import Vector, flat, nested
from pipelines.errors import LakeError


@dataclass(frozen=True)
class Lease:
    """The right to write for a query, until somebody else takes it."""

    query: str
    epoch: int

    def hold(self, cursor: Cursor) -> None:
        """Keep it until the transaction ends. Raises `LakeError` when it has been taken since."""
        cursor.execute("select epoch, holder from ops.leases where query = %s for update", (self.query,))
        found = cursor.fetchone()
        if found is None or found[0] != self.epoch:
            holder = found[1] if found else "nobody"
            raise LakeError(
                f"another driver ({holder}) writes for {self.query} now; this one stops. "
                "Run one driver of a query at a time."
            )


@dataclass(frozen=True)
class Entry:
    """The newest batch of a query in Postgres; `query_id` is the id in the query's checkpoint."""

    query_id: str
    batch_id: int
    positions: Vector
    watermark: datetime | None


def take_lease(connection: Connection, query: str, *, holder: str) -> Lease:
    """Take the lease from whoever has it. `holder` is for people: host and process."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """insert into ops.leases (query, epoch, holder) values (%s, 1, %s)
            on conflict (query) do update
            set epoch = leases.epoch + 1, holder = excluded.holder, taken_at = now()
            returning epoch""",
            (query, holder),
        )
        (epoch,) = cursor.fetchone() or (0,)
    return Lease(query, int(epoch))


def newest_entry(cursor: Cursor, query: str) -> Entry | None:
    """The newest batch of the query, none before its first."""
    cursor.execute(
        "select query_id, batch_id, positions, watermark from ops.ledger where query = %s", (query,)
    )
    found = cursor.fetchone()
    if found is None:
        return None
    query_id, batch_id, stored, watermark = found
    return Entry(query_id, batch_id, flat(stored), watermark)


def write_entry(cursor: Cursor, query: str, entry: Entry) -> None:
    """Note the batch as the newest, in the transaction that writes its rows."""
    cursor.execute(
        """insert into ops.ledger (query, query_id, batch_id, positions, watermark)
        values (%(query)s, %(query_id)s, %(batch_id)s, %(positions)s, %(watermark)s)
        on conflict (query) do update set query_id = excluded.query_id, batch_id = excluded.batch_id,
            positions = excluded.positions, watermark = excluded.watermark, committed_at = now()""",
        {
            "query": query,
            "query_id": entry.query_id,
            "batch_id": entry.batch_id,
            "positions": Json(nested(entry.positions)),
            "watermark": entry.watermark,
        },
    )
