"""What is known of entities now: the online store and what is in flight, as one."""

from collections.abc import Sequence
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor

from pipelines.contracts.positions import Vector, furthest
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.overlay import Key, Overlay
from pipelines.gold.features.scalar import State, merged
from pipelines.runtime.features.reading import USER, VISITOR, Read, read, read_users

SNAPSHOT = "set transaction isolation level repeatable read, read only"
"""For a transaction whose reads are all to see the same."""
_LINKED = f"select {VISITOR} from features.links where {USER} = any(%s)"


class LiveRead(NamedTuple):
    """One entity as it is known: `scalar.values` gives its columns.

    `batch_id` is the store's newest batch, `positions` all that is seen, of the store and in flight.
    `is_whole`: whether that is exactly what the state holds. `in_flight`: events that the store has not.
    """

    key: Key
    state: State
    batch_id: int | None
    positions: Vector
    is_whole: bool
    in_flight: int


def read_live(
    cursor: Cursor, feature_set: FeatureSet, keys: Sequence[Key], overlay: Overlay, *, at: int
) -> list[LiveRead]:
    """The entities of these keys, in their order; `at` in UTC microseconds, as in `reading.read`."""
    found = []
    for one in read(cursor, feature_set, keys, at=at):
        added = overlay.added(feature_set, one.key, beyond=one.positions)
        state = merged(feature_set, [one.state, added.state])
        found.append(_live(one, state, overlay, in_flight=added.events))
    return found


def read_users_live(
    cursor: Cursor, feature_set: FeatureSet, keys: Sequence[Key], overlay: Overlay, *, at: int
) -> list[LiveRead]:
    """As `read_live`, of a set kept by visitor: keys hold a user where the set has a visitor.

    A link counts as soon as an event in flight names both. The transaction must be a `SNAPSHOT`.
    """
    place = feature_set.keys.index(VISITOR)
    found = []
    for one in read_users(cursor, feature_set, keys, at=at):
        user = one.key[place]
        cursor.execute(_LINKED, ([user],))
        known = [visitor for (visitor,) in cursor]
        new = [name for name in overlay.visitors(user, beyond=one.positions) if name not in known]
        mine = [(*one.key[:place], visitor, *one.key[place + 1 :]) for visitor in (*known, *new)]
        joining = read(cursor, feature_set, mine[len(known) :], at=at) if new else []
        added = [overlay.added(feature_set, key, beyond=one.positions) for key in mine]
        state = merged(
            feature_set, [one.state, *(other.state for other in joining), *(other.state for other in added)]
        )
        found.append(_live(one, state, overlay, in_flight=sum(other.events for other in added)))
    return found


def _live(stored: Read, state: State, overlay: Overlay, *, in_flight: int) -> LiveRead:
    return LiveRead(
        stored.key,
        state,
        stored.batch_id,
        furthest([stored.positions, overlay.reached]),
        stored.is_exact and overlay.completes(stored.positions),
        in_flight,
    )
