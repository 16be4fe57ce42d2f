"""How many different values there are."""

from bisect import bisect_left, insort
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gold.features.aggregates import Lifted, Mask, Moments, Ranges
from pipelines.gold.features.aggregates.sums import Sum
from pipelines.gold.features.hashing import estimated, hash_of, hashes_of
from pipelines.gold.features.monoids import Columns, Element, Indices, Monoid
from pipelines.gold.features.monoids.samples import LowestHashes, Numbers
from pipelines.gold.features.values import ANY, Event, Value, Where

SAMPLE = 256


class OfSample(Sum):
    """What is said of a text value's different texts, of which a sample of so many is kept."""

    _of = "text"
    _most = SAMPLE

    def __init__(self, value: Value | str, where: Where = ANY, *, sample: int | None = None) -> None:
        super().__init__(value, where)
        self.sample = self._most if sample is None else sample


class Distinct(OfSample):
    """How many different texts: exact below `sample`, beyond it estimated to 1/sqrt(sample)."""

    type = pa.int64()

    @cached_property
    def monoid(self) -> Monoid:  # type: ignore[override]
        return LowestHashes(self.sample)

    def element(self, event: Event) -> Element | None:
        value = self.value.of(event)
        return None if value is None else ([hash_of(value)],)

    def lift_rows(self, events: pa.Table, counting: Mask | None = None) -> Lifted:
        rows, columns = super().lift_rows(events, counting)
        return Lifted(rows, [singles(hashes_of(columns[0]))])

    def finish(self, element: Element | None, at: int) -> Any:
        return 0 if element is None else self._size(element[0])

    def finish_rows(self, columns: Columns, at: Moments) -> pa.Array:
        sizes = pc.fill_null(pc.list_value_length(columns[0]), 0).to_numpy(zero_copy_only=False)
        found = sizes.astype(np.int64)
        for row in np.flatnonzero(sizes >= self.sample):
            found[row] = self._size(columns[0][int(row)].as_py())
        return pa.array(found)

    def values_of_ranges(self, columns: Columns, ranges: Ranges) -> pa.Array:
        if not ranges.from_start:
            return super().values_of_ranges(columns, ranges)
        ranges = of_entries(columns, ranges)
        hashes = pc.list_flatten(columns[0]).to_numpy(zero_copy_only=False)
        starts, entity = np.unique(ranges.low, return_inverse=True)
        news = first_times(hashes, starts)
        found = np.searchsorted(news, ranges.high) - np.searchsorted(news, ranges.low)
        for number in np.unique(entity[found >= self.sample]):
            wanted = np.flatnonzero(entity == number)
            found[wanted] = self._estimates(hashes, news, int(starts[number]), ranges.high[wanted])
        return pa.array(found.astype(np.int64))

    def _size(self, hashes: list[int]) -> int:
        full = len(hashes) >= self.sample
        return estimated(hashes[self.sample - 1], self.sample) if full else len(hashes)

    def _estimates(self, hashes: Numbers, news: Indices, start: int, highs: Indices) -> Numbers:
        """The value of the ranges of one entity, its new hashes taken in one after the other."""
        rows = news[bisect_left(news, start) : bisect_left(news, highs.max())]
        sample: list[int] = []
        sizes = np.zeros(len(rows) + 1, np.int64)
        for place, hashed in enumerate(hashes[rows].tolist()):
            if len(sample) < self.sample or hashed < sample[-1]:
                insort(sample, hashed)
                del sample[self.sample :]
                sizes[place + 1] = self._size(sample)
            else:
                sizes[place + 1] = sizes[place]
        return sizes[np.searchsorted(rows, highs)]


def singles(values: pa.Array) -> pa.Array:
    """Lists of one value each."""
    return pa.ListArray.from_arrays(pa.array(np.arange(len(values) + 1, dtype=np.int32)), values)


def of_entries(columns: Columns, ranges: Ranges) -> Ranges:
    """The ranges in entries of the elements' lists: an event's element has one, a partial's many."""
    bounds = np.append(0, np.cumsum(pc.list_value_length(columns[0]).to_numpy(zero_copy_only=False)))
    return ranges._replace(low=bounds[ranges.low], high=bounds[ranges.high])


def first_times(hashes: Numbers, starts: Indices) -> Indices:
    """The rows at which an entity's hash comes for the first time, in their order."""
    entity = np.searchsorted(starts, np.arange(len(hashes)), side="right")
    order = np.lexsort((hashes, entity))
    is_new = np.ones(len(order), bool)
    is_new[1:] = (np.diff(hashes[order]) != 0) | (np.diff(entity[order]) != 0)
    return np.sort(order[is_new])
