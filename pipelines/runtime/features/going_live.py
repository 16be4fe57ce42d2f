"""Which feature sets a batch updates: those that are live, and those whose history is there from now on."""

from collections.abc import Iterable
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from pipelines.connectors.ledger import newest_entry
from pipelines.contracts.positions import Vector, flat, nested
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.runtime.features.tables import make_tables, stored_sets

_KEPT_BATCHES = 10_000
_NOTE_BATCH = """
insert into features.batches (batch_id, positions, is_exact) values (%(batch)s, %(positions)s, %(exact)s)
on conflict (batch_id) do update
set positions = excluded.positions, is_exact = excluded.is_exact, committed_at = now()
"""
_FORGET_BATCHES = "delete from features.batches where batch_id <= %(batch)s - %(kept)s"
_LIVE = """
update features.sets set live_from_batch = %(batch)s
where name = %(name)s and version = %(version)s and live_from_batch is null
"""


class CatchUp(NamedTuple):
    """A set to be brought from where its history ends to where the batch before this one ended."""

    feature_set: FeatureSet
    since: Vector
    until: Vector


class Taking(NamedTuple):
    """What a batch updates; `joining` become live with it."""

    live: list[FeatureSet]
    joining: list[CatchUp]

    @property
    def sets(self) -> list[FeatureSet]:
        """Every set that takes part in the batch."""
        return [*self.live, *(one.feature_set for one in self.joining)]


def taking(cursor: Cursor, sets: Iterable[FeatureSet], *, query: str, batch_id: int) -> Taking:
    """What the batch is to update, of these sets.

    The first batch of all makes every set live. Later ones take a set in once its history has been built,
    and once both ends of the gap are exact, so that it is closed without an overlap.
    """
    sets, is_first = list(sets), newest_entry(cursor, query) is None
    for one in sets if is_first else ():
        make_tables(cursor, one)
    stored = {(one.name, one.version): one for one in stored_sets(cursor)}
    before = None if is_first else exact_positions(cursor, batch_id - 1)
    live: list[FeatureSet] = []
    joining: list[CatchUp] = []
    for one in sets:
        found = stored.get((one.name, one.version))
        if is_first or (found and found.live_from_batch is not None and found.live_from_batch < batch_id):
            live.append(one)
        elif found and found.covered_until_batch is not None and before is not None:
            joining.append(CatchUp(one, found.positions, before))
    return Taking(live, joining)


def note_live(cursor: Cursor, sets: Iterable[FeatureSet], *, batch_id: int) -> None:
    """Note that the sets take part in batches from this one on; those that did so before stay as noted."""
    for one in sets:
        cursor.execute(_LIVE, {"batch": batch_id, "name": one.name, "version": one.version})


def note_batch(cursor: Cursor, batch_id: int, *, positions: Vector, is_exact: bool) -> None:
    """Note what the store covers after this batch; the newest 10,000 stay."""
    given = {
        "batch": batch_id,
        "positions": Json(nested(positions)),
        "exact": is_exact,
        "kept": _KEPT_BATCHES,
    }
    cursor.execute(f"{_NOTE_BATCH}; {_FORGET_BATCHES}", given)


def exact_positions(cursor: Cursor, batch_id: int) -> Vector | None:
    """What the store covered after that batch; none when it cannot be said exactly."""
    cursor.execute("select positions from features.batches where batch_id = %s and is_exact", (batch_id,))
    found = cursor.fetchone()
    return None if found is None else flat(found[0])
