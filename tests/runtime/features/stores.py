"""An online store of a test's own, and how its states are compared."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from psycopg2.extensions import cursor as Cursor

from pipelines.gold.features.event import table_of
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.monoids.add import Add
from pipelines.gold.features.partials import partials_of
from pipelines.gold.features.scalar import Elements, State, key_of, merged, state_of
from pipelines.runtime.features.tables import empty_tables
from pipelines.runtime.features.upsert import upsert

LONGEST = "".join(chr(0x20000 + n * n * 7919 % 40_000) for n in range(256))
"""An id of the most characters, which no compression makes much shorter."""
Rows = Sequence[Mapping[str, Any]]


def filled(cursor: Cursor, feature_set: FeatureSet, *batches: Rows) -> None:
    """Nothing but these batches of events in the set's tables, and no links."""
    cursor.execute("delete from features.links; delete from features.batches")
    empty_tables(cursor, feature_set)
    for number, rows in enumerate(batches):
        upsert(cursor, feature_set, partials_of(feature_set, table_of(rows)), batch_id=number)


def state_by(feature_set: FeatureSet, rows: Rows, *keys: tuple[str, ...]) -> State:
    """The state of these entities as one, event by event."""
    return merged(
        feature_set, (state_of(feature_set, one) for one in rows if key_of(feature_set, one) in keys)
    )


def comparable(feature_set: FeatureSet, state: State, *, at: int) -> State:
    """The state without tiles that no window holds, and without sums of nothing, which tables show as 0."""
    within = {(window.hop, start) for window in feature_set.windows for start in window.tiles(at)}
    tiles = {tile: _solid(feature_set, held) for tile, held in state.tiles.items() if tile in within}
    return State(_solid(feature_set, state.lifetime), {tile: held for tile, held in tiles.items() if held})


def keys_of(feature_set: FeatureSet, rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Every entity of the events."""
    return sorted({key for one in rows if (key := key_of(feature_set, one)) is not None})


def event_at(moment: int, **given: Any) -> dict[str, Any]:
    """A view of a product."""
    known = {"kind": "product_view", "event_id": "e", "visitor_id": "v", "session_id": "s", "product_id": "p"}
    return known | {"occurred_at": moment, "category": "a", "price_minor": 5} | given


def linked(rows: Iterable[tuple[str, str, int]]) -> pa.Table:
    """Links of visitors with users, as a table."""
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
    types = (pa.string(), pa.string(), pa.int64())
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
    return pa.table(arrays, names=["visitor_id", "user_id", "known_at"])


def _solid(feature_set: FeatureSet, elements: Elements) -> Elements:
    sums = {part.feature for part in feature_set.parts if isinstance(part.aggregate.monoid, Add)}
    return {name: found for name, found in elements.items() if name not in sums or any(found)}
