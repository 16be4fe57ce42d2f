"""Beside the sets: which positions each batch covers, and which visitors are linked to which users."""

from collections.abc import Iterable
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json, execute_values

from pipelines.contracts.positions import Vector, nested
from pipelines.runtime.attribution.clock import moment

KEPT_BATCHES = 10_000
_NOTE = """
insert into features.batches (batch_id, positions, is_exact) values (%s, %s, %s)
on conflict (batch_id) do update
set positions = excluded.positions, is_exact = excluded.is_exact, committed_at = now()
"""
_LINK = """
insert into features.links as stored (visitor_id, user_id, first_known_at) values %s
on conflict (visitor_id, user_id) do update set first_known_at = excluded.first_known_at
where excluded.first_known_at < stored.first_known_at
"""


class Link(NamedTuple):
    """A visitor and a user who was signed in there; `first_known_at` in UTC microseconds."""

    visitor_id: str
    user_id: str
    first_known_at: int


def note_batch(cursor: Cursor, batch_id: int, *, positions: Vector, is_exact: bool) -> None:
    """Note what the store covers after a batch of update_features; the newest 10,000 stay."""
    cursor.execute(_NOTE, (batch_id, Json(nested(positions)), is_exact))
    cursor.execute("delete from features.batches where batch_id <= %s", (batch_id - KEPT_BATCHES,))


def add_links(cursor: Cursor, links: Iterable[Link]) -> int:
    """Add links, of each the earliest; how many are new or earlier than before. Twice is as once."""
    firsts: dict[tuple[str, str], int] = {}
    for visitor, user, known_at in links:
        firsts[visitor, user] = min(known_at, firsts.get((visitor, user), known_at))
    # In one order, so that two who add the same links cannot wait for each other.
    rows = [(*pair, moment(known_at)) for pair, known_at in sorted(firsts.items())]
    changed = execute_values(cursor, _LINK + "returning 1", rows, page_size=1000, fetch=True) if rows else []
    return len(changed)
