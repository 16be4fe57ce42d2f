"""The interpreter for history: every feature at many moments at once, each seeing only what was there.

A row of the spine sees the events of its entity that became visible before it. What makes an event
visible is the clock's affair: on the clock `occurred` its own time, on the clock `known` its arrival.
Events are sorted once by entity and visibility; what a row sees of its entity is then one range of them.
Partials may stand for the events before all rows of the spine: see `carried`.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.gold.features.aggregates import Lifted, Ranges
from pipelines.gold.features.carried import CARRIED, Carry, with_carried
from pipelines.gold.features.feature_set import LAST_AT, PURCHASES, Feature, FeatureSet
from pipelines.gold.features.finishing import expired, finished
from pipelines.gold.features.monoids import Indices
from pipelines.gold.features.ordering import Order, ordered
from pipelines.gold.features.values import Where
from pipelines.gold.features.windows import LIFETIME, MICROS, Window

Numbers = npt.NDArray[np.int64]


def values_at(
    feature_set: FeatureSet, events: pa.Table, spine: pa.Table, carried: pa.Table | None = None
) -> pa.Table:
    """The output columns of each row of the spine, in its order.

    `events`: the columns that the set reads, and `visible_at`; an event without a key has no part.
    `spine`: the set's keys, `at` (the moment for windows, recency and expiry), `seen_at`, and `event_id`,
    which breaks ties: seen is (visible_at, event_id) strictly before (seen_at, event_id). Times are UTC
    microseconds; `visible_at` and `seen_at` may be any numbers that rise with what is seen.

    `carried`: partials of more events, which are then not among `events`: keys, `tile`, the parts' columns,
    in as many rows an entity and tile as there are. Every row of the spine sees them, or, with a
    `visible_at`, those rows that come after it.
    """
    columns = {"occurred_at"}.union(*(part.aggregate.reads for part in feature_set.parts))
    if carried is not None:
        events = with_carried(feature_set, events, spine, carried)
        columns.add(CARRIED)
    order = ordered(feature_set.keys, events, spine, columns=sorted(columns))
    carry = None if carried is None else Carry(feature_set, carried, order.events[CARRIED])
    values = _History(feature_set, order, spine["at"].to_numpy()[order.rows], carry).values()
    places = np.empty(len(order.rows), np.int64)
    places[order.rows] = np.arange(len(order.rows))
    return values.take(pa.array(places))


class _Seen(NamedTuple):
    """What each row sees, as ranges of sorted events, and the row that each range belongs to."""

    low: Indices
    high: Indices
    rows: Indices | None


class _History:
    def __init__(self, feature_set: FeatureSet, order: Order, at: Numbers, carry: Carry | None) -> None:
        self._set = feature_set
        self._carry = carry
        self._order = order
        self._at = at
        self._masks: dict[Where, npt.NDArray[np.bool_]] = {}
        self._lifted: dict[str, Lifted] = {}
        self._windows: dict[Window, _Seen] = {}
        self._life = self._alive()

    def values(self) -> pa.Table:
        """The output columns."""
        return finished(self._set, self._value)

    def _alive(self) -> _Seen:
        """The events that each row sees; none where the entity has expired."""
        whole = _Seen(self._order.low, self._order.high, None)
        parts = {one.name: self._folded(one, whole)[0] for one in self._set.expiry}
        gone = expired(self._set.ttl, parts[LAST_AT.name], parts.get(PURCHASES.name), self._at)
        return whole._replace(high=np.where(gone, whole.low, whole.high))

    def _value(self, feature: Feature, window: Window) -> pa.Array:
        if window is LIFETIME:
            low, high = self._within(feature, self._life)
            found = Ranges(low, high, self._at, from_start=True)
            return feature.aggregate.values_of_ranges(self._elements(feature).columns, found)
        if self._order.is_in_time:
            low, high = self._within(feature, self._trailing(window))
            found = Ranges(low, high, self._at, from_start=False)
            return feature.aggregate.values_of_ranges(self._elements(feature).columns, found)
        columns = self._by_tile(feature, window)
        return feature.aggregate.finish_rows(columns, self._at)

    def _elements(self, feature: Feature) -> Lifted:
        if feature.name not in self._lifted:
            lifted = feature.aggregate.lift_rows(self._order.events, self._mask(feature))
            self._lifted[feature.name] = self._carry.added(feature.name, lifted) if self._carry else lifted
        return self._lifted[feature.name]

    def _mask(self, feature: Feature) -> npt.NDArray[np.bool_]:
        where = feature.aggregate.where
        if where not in self._masks:
            counting = where.of_rows(self._order.events)
            self._masks[where] = counting & self._carry.is_event if self._carry else counting
        return self._masks[where]

    def _within(self, feature: Feature, seen: _Seen) -> tuple[Indices, Indices]:
        """The ranges among those events that count for the feature."""
        rows = self._elements(feature).rows
        return np.searchsorted(rows, seen.low), np.searchsorted(rows, seen.high)

    def _folded(self, feature: Feature, seen: _Seen) -> list[pa.Array]:
        low, high = self._within(feature, seen)
        return feature.aggregate.monoid.fold_ranges(self._elements(feature).columns, low, high)

    def _trailing(self, window: Window) -> _Seen:
        """Where events are sorted by their time, a window is one range."""
        if window in self._windows:
            return self._windows[window]
        hop = window.hop * MICROS
        first = self._order.since((self._at - window.seconds * MICROS) // hop * hop)
        after = self._order.since((self._at // hop + 1) * hop)
        high = np.minimum(after, self._life.high)
        self._windows[window] = self._life._replace(low=np.minimum(first, high), high=high)
        return self._windows[window]

    def _by_tile(self, feature: Feature, window: Window) -> list[pa.Array]:
        """Else it is a range a tile, among events sorted by entity, tile and visibility."""
        ranges, order = self._order.tiles(window, self._at, is_alive=self._life.high > self._life.low)
        lifted = self._elements(feature)
        places = np.full(len(order), -1)
        places[lifted.rows] = np.arange(len(lifted.rows))
        sorted_places = places[order]
        counting = np.flatnonzero(sorted_places >= 0)
        columns = [one.take(pa.array(sorted_places[counting])) for one in lifted.columns]
        monoid = feature.aggregate.monoid
        low, high = np.searchsorted(counting, ranges.low), np.searchsorted(counting, ranges.high)
        pieces = monoid.fold_ranges(columns, low, high)
        return monoid.fold_groups(pieces, ranges.rows, count=len(self._at))
