"""An online store of a few visitors, written as the stream writes it."""

import time

from psycopg2.extensions import cursor as Cursor

from pipelines.gold.features.event import table_of
from pipelines.gold.features.partials import partials_of
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.going_live import note_batch, note_live
from pipelines.runtime.features.tables import make_tables
from pipelines.runtime.features.upsert import upsert
from tests.runtime.features.stores import event_at

_MINUTE = 60_000_000
WAITING = "traffic"
"""The set that has no history yet."""


def fill_features(cursor: Cursor) -> None:
    """Somebody who looks at the cart, somebody who bought yesterday, and somebody of two years ago."""
    now = time.time_ns() // 1_000
    rows = [
        event_at(now - 2 * _MINUTE, event_id="1"),
        event_at(now - _MINUTE, event_id="2", kind="cart_view", element="saw_checkout"),
        event_at(now - 1500 * _MINUTE, event_id="3", visitor_id="w", kind="purchase", quantity=1),
        event_at(now - 730 * 1440 * _MINUTE, event_id="4", visitor_id="gone"),
    ]
    sets = all_sets()
    make_tables(cursor, sets.pop(WAITING))
    for one in sets.values():
        make_tables(cursor, one)
        upsert(cursor, one, partials_of(one, table_of(rows)), batch_id=7)
    note_live(cursor, sets.values(), batch_id=0)
    note_batch(cursor, 7, positions={("clicks", 0): 4}, is_exact=True)
    cursor.execute(
        "insert into ops.consistency_checks values (now() - interval '1 minute', 5, 10, 0, 0, 0, 0.1, %s)",
        ('{"twin": {"values": 10, "faults": 0, "late_share": 0.1}}',),
    )
