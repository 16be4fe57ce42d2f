"""Partials in the place of the events that they were made of, for moments that lie after all of those."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gold.features.aggregates import Lifted
from pipelines.gold.features.feature_set import FeatureSet, Part
from pipelines.gold.features.partials import TILE, partial_schema

CARRIED = "_carried"
"""The row of the carried partials that a row of the events stands for; null of a real event."""
_VISIBLE = "visible_at"


def with_carried(feature_set: FeatureSet, events: pa.Table, spine: pa.Table, carried: pa.Table) -> pa.Table:
    """The events, and before them a row a partial, which occurred when its tile begins.

    No window tells a tile's beginning from the rest of it: the finest tiles divide all others. Partials
    without `visible_at`, or with one before all else, are in the order of their tiles.
    """
    moments = {_VISIBLE: _visible(events, spine, carried), "occurred_at": carried[TILE]}
    same = {key: carried[key] for key in feature_set.keys}
    found = {
        field.name: {**same, **moments}.get(field.name, pa.nulls(carried.num_rows, field.type))
        for field in events.schema
    }
    rows = pa.table(found).cast(events.schema)
    places = pa.chunked_array(
        [pa.array(np.arange(carried.num_rows)), pa.nulls(events.num_rows, pa.int64())], pa.int64()
    )
    return pa.concat_tables([rows, events]).append_column(CARRIED, places)


class Carry:
    """The carried partials among sorted events."""

    def __init__(self, feature_set: FeatureSet, carried: pa.Table, rows: pa.ChunkedArray) -> None:
        schema = partial_schema(feature_set, feature_set.parts, with_tile=True)
        self.is_event: npt.NDArray[np.bool_] = rows.is_null().to_numpy()
        self._places = np.flatnonzero(~self.is_event)
        self._partials = carried.select(schema.names).cast(schema).take(rows.drop_null()).combine_chunks()
        self._parts = {part.feature: part for part in feature_set.parts}

    def added(self, feature: str, lifted: Lifted) -> Lifted:
        """The feature's elements of the events and of the partials, in the order of their places."""
        columns = self._columns(self._parts[feature])
        there = np.flatnonzero(columns[0].is_valid().to_numpy(zero_copy_only=False))
        rows = np.concatenate([lifted.rows, self._places[there]])
        order = pa.array(np.argsort(rows, kind="stable"))
        kept = [column.take(pa.array(there)) for column in columns]
        found = [
            pa.concat_arrays([one.cast(more.type), more]).take(order)
            for one, more in zip(lifted.columns, kept, strict=True)
        ]
        return Lifted(np.sort(rows), found)

    def _columns(self, part: Part) -> list[pa.Array]:
        return [self._partials[name].combine_chunks() for name in part.columns]


def _visible(events: pa.Table, spine: pa.Table, carried: pa.Table) -> pa.Array:
    """Moments before all events and rows, which rise with the tiles; later ones where they are given."""
    lowest = min((pc.min(one).as_py() for one in (events[_VISIBLE], spine["seen_at"]) if len(one)), default=0)
    tiles, ranks = np.unique(carried[TILE].to_numpy(), return_inverse=True)
    first = ranks + (lowest - len(tiles))
    if _VISIBLE not in carried.column_names:
        return pa.array(first)
    given = carried[_VISIBLE].to_numpy()
    return pa.array(np.where(given < lowest, first, given))
