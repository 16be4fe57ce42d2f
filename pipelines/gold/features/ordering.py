"""Events sorted by entity and visibility, and where among them each row of a spine stands."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gold.features.monoids import Indices
from pipelines.gold.features.windows import MICROS, Window

Numbers = npt.NDArray[np.int64]


class TileRanges(NamedTuple):
    """Ranges low <= row < high, and the row of the spine that each belongs to."""

    low: Indices
    high: Indices
    rows: Indices


class Order:
    """The sorted events; `low` and `high` bound what each row of the spine sees of its entity."""

    def __init__(
        self, events: pa.Table, entity: Indices, *, low: Indices, high: Indices, row_entity: Indices
    ) -> None:
        self.events = events
        self.low = low
        self.high = high
        self._entity = entity
        self._row_entity = row_entity
        self._occurred = events["occurred_at"].cast(pa.int64()).to_numpy()

    @property
    def is_in_time(self) -> bool:
        """Whether visibility goes by occurred_at."""
        same_entity = self._entity[1:] == self._entity[:-1]
        return bool(np.all(np.diff(self._occurred)[same_entity] >= 0))

    def since(self, moments: Numbers) -> Indices:
        """Each row's first event of its entity at or after its moment; needs `is_in_time`."""
        if not len(self._occurred) or not len(moments):
            return np.zeros(len(moments), np.int64)
        start = int(min(self._occurred.min(), moments.min()))
        span = int(max(self._occurred.max(), moments.max())) - start + 1
        keys = _combined(self._entity, self._occurred - start, span)
        return np.searchsorted(keys, _combined(self._row_entity, moments - start, span))

    def tiles(
        self, window: Window, at: Numbers, *, is_alive: npt.NDArray[np.bool_]
    ) -> tuple[TileRanges, Indices]:
        """What each row sees of each tile of the window, and the events' order that the ranges are of."""
        hop = window.hop * MICROS
        tile = self._occurred // hop
        order = np.lexsort((np.arange(len(tile)), tile, self._entity))
        first, span = (int(tile.min()), int(np.ptp(tile)) + 1) if len(tile) else (0, 0)
        ranks = np.arange(len(tile))[order]
        keys = _combined(_combined(self._entity, tile - first, span)[order], ranks, len(tile) + 1)
        oldest, newest = (at - window.seconds * MICROS) // hop, at // hop
        count = window.seconds // window.hop + 1
        rows = np.repeat(np.flatnonzero(is_alive), count)
        wanted = oldest[rows] + np.tile(np.arange(count), int(is_alive.sum()))
        is_there = (wanted >= first) & (wanted < first + span) & (wanted <= newest[rows])
        rows, wanted = rows[is_there], wanted[is_there]
        pair = _combined(self._row_entity[rows], wanted - first, span)
        low = np.searchsorted(keys, pair * (len(tile) + 1))
        high = np.searchsorted(keys, pair * (len(tile) + 1) + self.high[rows])
        return TileRanges(low, high, rows), order


def ordered(keys: Sequence[str], events: pa.Table, spine: pa.Table) -> Order:
    """The events sorted by entity, visible_at and event_id, and where each row of the spine stands."""
    count = events.num_rows
    entity = _entities(keys, events, spine)
    moment = np.concatenate([events["visible_at"].to_numpy(), spine["seen_at"].to_numpy()])
    is_event = np.arange(len(moment)) < count
    ties = _ties(entity, moment, pa.concat_arrays([_whole(events["event_id"]), _whole(spine["event_id"])]))
    order = np.lexsort((is_event, ties, moment, entity))
    events_before = np.concatenate([[0], np.cumsum(is_event[order])])
    place = np.empty(len(order), np.int64)
    place[order] = events_before[:-1]
    sorted_events = order[is_event[order]]
    row_entity, sorted_entity = entity[count:], entity[sorted_events]
    return Order(
        events.take(pa.array(sorted_events)).combine_chunks(),
        sorted_entity,
        low=np.searchsorted(sorted_entity, row_entity),
        high=place[count:],
        row_entity=row_entity,
    )


def _entities(keys: Sequence[str], events: pa.Table, spine: pa.Table) -> Indices:
    """A number for each entity, the same in both. A row without a key is an entity of no events."""
    numbers = np.zeros(events.num_rows + spine.num_rows, np.int64)
    for key in keys:
        column = pa.concat_arrays([_whole(events[key]), _whole(spine[key])])
        encoded = column.dictionary_encode()
        codes = pc.fill_null(encoded.indices, len(encoded.dictionary)).to_numpy(zero_copy_only=False)
        _, numbers = np.unique(numbers * (len(encoded.dictionary) + 1) + codes, return_inverse=True)
    return numbers


def _ties(entity: Indices, moment: Numbers, ids: pa.Array) -> Indices:
    """The order of the ids among rows of one entity and moment; a missing id comes before all."""
    order = np.lexsort((moment, entity))
    is_same = (np.diff(entity[order]) == 0) & (np.diff(moment[order]) == 0)
    tied = np.zeros(len(order), bool)
    tied[1:] |= is_same
    tied[:-1] |= is_same
    rows = order[tied]
    ranks = np.zeros(len(order), np.int64)
    if len(rows):
        values = pc.fill_null(ids.take(pa.array(rows)), "")
        ranks[rows] = pc.rank(values, tiebreaker="dense").to_numpy(zero_copy_only=False)
    return ranks


def _combined(groups: Indices, values: Numbers, span: int) -> Numbers:
    """Both as one number that sorts as the two do. Raises `OverflowError` when none is large enough."""
    if len(groups) and (int(groups.max()) + 1) * span > np.iinfo(np.int64).max:
        raise OverflowError(f"{int(groups.max()) + 1} groups of {span} do not fit into 64 bits")
    return groups * span + values


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
