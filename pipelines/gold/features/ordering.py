"""Events sorted by entity and visibility, and where among them each row of a spine stands."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gold.features.monoids import Indices, ranges
from pipelines.gold.features.windows import MICROS, Window

Numbers = npt.NDArray[np.int64]


class TileRanges(NamedTuple):
    """Ranges low <= row < high, and the row of the spine that each belongs to."""

    low: Indices
    high: Indices
    rows: Indices


class Order:
    """The sorted events, and the rows of the spine in their order, which is that of `rows`.

    `low` and `high` bound what each row sees of its entity.
    """

    def __init__(
        self,
        events: pa.Table,
        entity: Indices,
        *,
        rows: Indices,
        low: Indices,
        high: Indices,
        row_entity: Indices,
    ) -> None:
        self.events = events
        self.rows = rows
        self.low = low
        self.high = high
        self._entity = entity
        self._row_entity = row_entity
        self._occurred = events["occurred_at"].cast(pa.int64()).to_numpy()

    @cached_property
    def is_in_time(self) -> bool:
        """Whether visibility goes by occurred_at."""
        same_entity = self._entity[1:] == self._entity[:-1]
        return bool(np.all(self._occurred[1:][same_entity] >= self._occurred[:-1][same_entity]))

    def since(self, moments: Numbers) -> Indices:
        """Each row's first event of its entity at or after its moment; needs `is_in_time`."""
        keys, wanted = _keys(self._entity, self._occurred, self._row_entity, moments)
        return np.searchsorted(keys, wanted)

    def tiles(
        self, window: Window, at: Numbers, *, is_alive: npt.NDArray[np.bool_]
    ) -> tuple[TileRanges, Indices]:
        """What each row sees of each tile of the window, and the events' order that the ranges are of."""
        rows, wanted = _wanted_tiles(window, at, is_alive=is_alive)
        tile = self._occurred // (window.hop * MICROS)
        keys, pair = _keys(self._entity, tile, self._row_entity[rows], wanted)
        order = np.argsort(keys, kind="stable")
        there, starts = np.unique(keys[order], return_index=True)
        group = np.searchsorted(there, pair)
        is_there = group < len(there)
        is_there[is_there] = there[group[is_there]] == pair[is_there]
        rows, group = rows[is_there], group[is_there]
        # In a tile the events are in the order in which they are seen, that of their places.
        number = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(order))))
        seen = np.searchsorted(number * (len(order) + 1) + order, group * (len(order) + 1) + self.high[rows])
        return TileRanges(starts[group], seen, rows), order


def ordered(keys: Sequence[str], events: pa.Table, spine: pa.Table, *, columns: Sequence[str]) -> Order:
    """These columns of the events sorted by entity, visible_at and event_id, and where each row stands.

    Events of entities that no row is about are left out. Of equal moments the ids decide, where a row has
    that moment too.
    """
    entity, row_entity, concerned = _entities(keys, events, spine)
    visible, seen = events["visible_at"].to_numpy()[concerned], spine["seen_at"].to_numpy()
    at, row_at = _keys(entity, visible, row_entity, seen)
    order, rows = np.argsort(at), np.argsort(row_at)
    ids = pc.fill_null(_whole(spine["event_id"]).take(pa.array(rows)), "")
    held = _Held(at[order], concerned[order], _whole(events["event_id"]))
    found, high = held.settled(row_at[rows], ids)
    entity, row_entity = entity[order], row_entity[rows]
    return Order(
        events.select(columns).take(pa.array(found)).combine_chunks(),
        entity,
        rows=rows,
        low=np.searchsorted(entity, row_entity),
        high=high,
        row_entity=row_entity,
    )


class _Held(NamedTuple):
    """The events in the order of `at`, entity and moment: their rows, and the ids that settle ties."""

    at: Numbers
    rows: Indices
    ids: pa.Array

    def settled(self, wanted: Numbers, wanted_ids: pa.Array) -> tuple[Indices, Indices]:
        """The events with ties in order where it matters, and how many come before each wanted moment and id.

        A missing id comes before all.
        """
        low, high = np.searchsorted(self.at, wanted), np.searchsorted(self.at, wanted, side="right")
        lengths = high - low
        seen, order = low.copy(), self.rows
        single, tied = np.flatnonzero(lengths == 1), np.flatnonzero(lengths > 1)
        seen[single] += _bools(pc.less(self._ids(low[single]), wanted_ids.take(pa.array(single))))
        if len(tied):
            order = order.copy()
            bounds = np.unique(low[tied], return_index=True)[1]
            places, _ = ranges.spread(low[tied][bounds], high[tied][bounds])
            rank, wanted_rank = _ranks(self._ids(places), wanted_ids.take(pa.array(tied)))
            by = np.lexsort((rank, self.at[places]))
            order[places] = self.rows[places[by]]
            run, size = np.searchsorted(low[tied][bounds], places[by], side="right"), len(places) + len(tied)
            own = np.searchsorted(low[tied][bounds], low[tied], side="right")
            before = np.searchsorted(run * size + rank[by], own * size + wanted_rank)
            seen[tied] += before - np.searchsorted(run, own)
        return order, seen

    def _ids(self, places: Indices) -> pa.Array:
        return pc.fill_null(self.ids.take(pa.array(self.rows[places])), "")


def _ranks(ids: pa.Array, others: pa.Array) -> tuple[Numbers, Numbers]:
    """The places of both among all ids, by code points; the same of equals."""
    found = pc.rank(pa.concat_arrays([ids, others]), tiebreaker="dense").to_numpy(zero_copy_only=False)
    ranks = found.astype(np.int64) - 1
    return ranks[: len(ids)], ranks[len(ids) :]


def _entities(keys: Sequence[str], events: pa.Table, spine: pa.Table) -> tuple[Indices, Indices, Indices]:
    """A number for each entity: of the events that a row is about, of the rows; and which events those are.

    An event without a key is nobody's; a row without one is about an entity of no events.
    """
    count = events.num_rows
    numbers, is_named = np.zeros(count + spine.num_rows, np.int64), np.ones(count, bool)
    for place, key in enumerate(keys):
        encoded = pa.concat_arrays([_whole(events[key]), _whole(spine[key])]).dictionary_encode()
        codes = pc.fill_null(encoded.indices, len(encoded.dictionary)).to_numpy(zero_copy_only=False)
        is_named &= codes[:count] < len(encoded.dictionary)
        numbers = numbers * (len(encoded.dictionary) + 1) + codes
        if place:
            _, numbers = np.unique(numbers, return_inverse=True)
    is_wanted = np.zeros(int(numbers.max(initial=0)) + 1, bool)
    is_wanted[numbers[count:]] = True
    concerned = np.flatnonzero(is_named & is_wanted[numbers[:count]])
    return numbers[concerned], numbers[count:], concerned


def _keys(
    groups: Indices, values: Numbers, other_groups: Indices, other_values: Numbers
) -> tuple[Numbers, Numbers]:
    """Group and value of either as one number that sorts as the two do."""
    if not len(values) or not len(other_values):
        return groups, other_groups
    start = min(int(values.min()), int(other_values.min()))
    span = max(int(values.max()), int(other_values.max())) - start + 1
    count = max(int(groups.max()), int(other_groups.max())) + 1
    if count * span > np.iinfo(np.int64).max:
        both = np.concatenate([values, other_values])
        distinct, places = np.unique(both, return_inverse=True)
        values, other_values, start, span = places[: len(values)], places[len(values) :], 0, len(distinct)
    return groups * span + (values - start), other_groups * span + (other_values - start)


def _wanted_tiles(window: Window, at: Numbers, *, is_alive: npt.NDArray[np.bool_]) -> tuple[Indices, Numbers]:
    """Each living row and each tile of its window."""
    hop = window.hop * MICROS
    oldest, newest = (at - window.seconds * MICROS) // hop, at // hop
    rows = np.flatnonzero(is_alive)
    counts = newest[rows] - oldest[rows] + 1
    tiles, numbers = ranges.spread(oldest[rows], oldest[rows] + counts)
    return rows[numbers], tiles


def _bools(found: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(found.to_numpy(zero_copy_only=False), bool)


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
