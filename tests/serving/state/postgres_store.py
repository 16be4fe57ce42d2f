"""An online store in Postgres of a test's own, and how it is filled and read."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from pipelines.connectors.postgres import PostgresAddress
from pipelines.contracts.positions import nested
from pipelines.gold.features.sets import all_sets
from serving.state.store import Reading, Store
from tests.runtime.features.stores import filled

NAMES = ("session", "user", "traffic", "product", "user_product")
ONLY = ("session",)
POSITIONS = {("clicks", 0): 7, ("orders", 3): 2**40}
LIVE = "update features.sets set live_from_batch = %s where name = any(%s)"


@contextmanager
def running(address: PostgresAddress, **given: Any) -> Iterator[Store]:
    """A store that has a connection."""
    store = Store(address, [NAMES, ONLY], **{"seconds": 5.0} | given)
    store.start(wait_seconds=10)
    try:
        yield store
    finally:
        store.close()


def fill(cursor: Cursor, rows: list[dict[str, Any]]) -> None:
    """Nothing but these events in the tables."""
    cursor.execute("begin")
    for name in NAMES:
        filled(cursor, all_sets()[name], rows)
    cursor.execute("commit")


def cover(cursor: Cursor, batch_id: int, *, is_exact: bool = True) -> None:
    """Note a batch."""
    cursor.execute(
        "insert into features.batches (batch_id, positions, is_exact) values (%s, %s, %s)",
        (batch_id, Json(nested(POSITIONS)), is_exact),
    )


def answered(read: Callable[[], Reading | None]) -> Reading:
    """The first answer there is."""
    until = time.monotonic() + 10
    while (reading := read()) is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    return reading


def keys_of(visitor: str | None, user: str | None, product: str = "p1") -> dict[str, str | None]:
    """Whom a question names."""
    return {"visitor_id": visitor, "user_id": user, "session_id": "s", "product_id": product}
