"""The value that comes most often."""

from bisect import insort
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gold.features.aggregates import Lifted, Mask, Moments, Ranges
from pipelines.gold.features.aggregates.distinct import OfSample, first_times, of_entries, singles
from pipelines.gold.features.hashing import hash_of, hashes_of
from pipelines.gold.features.monoids import Columns, Element, Indices, Monoid
from pipelines.gold.features.monoids.samples import LowestCounts, Numbers
from pipelines.gold.features.values import Event

SAMPLE = 64


class Top(OfSample):
    """The text that comes most often, of equals the first by code points; null of none.

    Exact up to `sample` different texts; beyond, the most frequent of a fixed sample of them.
    """

    type = pa.string()
    _most = SAMPLE

    @cached_property
    def monoid(self) -> Monoid:  # type: ignore[override]
        return LowestCounts(self.sample)

    def element(self, event: Event) -> Element | None:
        value = self.value.of(event)
        return None if value is None else ([hash_of(value)], [value], [1])

    def lift_rows(self, events: pa.Table, counting: Mask | None = None) -> Lifted:
        rows, (texts,) = super().lift_rows(events, counting)
        ones = pa.array(np.ones(len(rows), np.int64))
        return Lifted(rows, [singles(hashes_of(texts)), singles(texts), singles(ones)])

    def finish(self, element: Element | None, at: int) -> Any:
        if element is None or not element[1]:
            return None
        _, texts, counts = element
        return min(zip(counts, texts, strict=True), key=lambda entry: (-entry[0], entry[1]))[1]

    def values_of_ranges(self, columns: Columns, ranges: Ranges) -> pa.Array:
        if not ranges.from_start or not len(columns[0]):
            return super().values_of_ranges(columns, ranges)
        ranges = of_entries(columns, ranges)
        hashes = pc.list_flatten(columns[0]).to_numpy(zero_copy_only=False)
        texts = pc.list_flatten(columns[1])
        added = pc.list_flatten(columns[2]).to_numpy(zero_copy_only=False)
        starts = np.unique(ranges.low)
        ranks = _ranks(texts)
        leaders = _leaders(ranks, np.searchsorted(starts, np.arange(len(hashes)), side="right"), added)
        news = first_times(hashes, starts)
        seen = np.searchsorted(news, ranges.high) - np.searchsorted(news, ranges.low)
        for start in np.unique(ranges.low[seen > self.sample]):
            part = slice(start, ranges.high[ranges.low == start].max())
            leaders[part] = self._sampled(hashes[part], ranks[part], added[part]) + start
        rows = leaders[np.maximum(ranges.high, 1) - 1]
        return texts.take(pa.array(rows, mask=ranges.high <= ranges.low))

    def _sampled(self, hashes: Numbers, ranks: Numbers, added: Numbers) -> Indices:
        """For each entry of one entity a row of the text that leads by then, of those in the sample."""
        counts: dict[int, int] = {}
        rows: dict[int, int] = {}
        sample: list[int] = []
        leader = int(hashes[0])
        found = np.empty(len(hashes), np.int64)
        standing = lambda hashed: (counts[hashed], -ranks[rows[hashed]])  # noqa: E731
        for row, (hashed, more) in enumerate(zip(hashes.tolist(), added.tolist(), strict=True)):
            if hashed not in counts:
                insort(sample, hashed)
                rows[hashed] = row
            counts[hashed] = counts.get(hashed, 0) + more
            gone = sample.pop() if len(sample) > self.sample else None
            if gone == leader:
                leader = max(sample, key=standing)
            elif hashed <= sample[-1]:
                leader = max(leader, hashed, key=standing)
            found[row] = rows[leader]
        return found

    def finish_rows(self, columns: Columns, at: Moments) -> pa.Array:
        elements = zip(*(column.to_pylist() for column in columns), strict=True)
        found = [self.finish(element if element[0] else None, 0) for element in elements]
        return pa.array(found, pa.string())


def _ranks(texts: pa.Array) -> Numbers:
    """The place of each row's text among all, by code points; the same of equals."""
    encoded = texts.dictionary_encode()
    ranks = pc.rank(encoded.dictionary).to_numpy(zero_copy_only=False).astype(np.int64) - 1
    return np.asarray(ranks[encoded.indices.to_numpy(zero_copy_only=False)])


def _leaders(ranks: Numbers, entity: Indices, added: Numbers) -> Indices:
    """For each entry a row of the text that its entity has had most often by then, of equals the first.

    Counts only rise: whoever leads is whoever has ever had the highest count, at the row where it was got.
    """
    size = len(ranks)
    _, group = np.unique(entity * size + ranks, return_inverse=True)
    order = np.argsort(group, kind="stable")
    counts = np.empty(size, np.int64)
    before = np.append(0, np.cumsum(added[order]))
    counts[order] = before[1:] - before[np.searchsorted(group[order], group[order])]
    _, standing = np.unique(counts * size + (size - 1 - ranks), return_inverse=True)
    best = entity * size + standing
    is_leading = best == np.maximum.accumulate(best)
    return np.maximum.accumulate(np.where(is_leading, np.arange(size), 0))
