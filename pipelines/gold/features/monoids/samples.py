"""Samples of a set that do not depend on the order of merging: what hashes lowest stays.

Whoever is among the lowest k of the whole is among the lowest k of every part that it is in. So nothing
that counts in the end is ever dropped on the way, and counts of what stays are exact.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gold.features.monoids import Columns, Element, Indices, Monoid, ranges

Numbers = npt.NDArray[np.int64]


class LowestHashes(Monoid):
    """Sets of hashes, of which the `size` lowest stay."""

    def __init__(self, size: int) -> None:
        self.size = size

    @property
    def columns(self) -> Sequence[tuple[str, pa.DataType]]:
        return [("", pa.list_(pa.int64()))]

    def merge(self, one: Element, other: Element) -> Element:
        return self.merge_all((one, other))

    def merge_all(self, elements: Sequence[Element]) -> Element:
        return (sorted(set().union(*(hashes for (hashes,) in elements)))[: self.size],)

    def fold_groups(self, columns: Columns, groups: Indices, *, count: int) -> Columns:
        flat = _flat(columns[:1], groups)
        kept = _lowest(flat.hashes, flat.groups, self.size)
        return [_lists(kept.groups, count, pa.array(kept.hashes))]

    def fold_ranges(self, columns: Columns, low: Indices, high: Indices) -> Columns:
        rows, groups = ranges.spread(low, high)
        return self.fold_groups([column.take(pa.array(rows)) for column in columns], groups, count=len(low))

    def sql(self, old: Sequence[str], new: Sequence[str]) -> list[str]:
        return [f"features.lowest_hashes({old[0]}, {new[0]}, {self.size})"]


class LowestCounts(Monoid):
    """Counts by text, of which those of the `size` lowest hashes stay."""

    def __init__(self, size: int) -> None:
        self.size = size

    @property
    def columns(self) -> Sequence[tuple[str, pa.DataType]]:
        return [
            ("", pa.list_(pa.int64())),
            ("texts", pa.list_(pa.string())),
            ("counts", pa.list_(pa.int64())),
        ]

    def merge(self, one: Element, other: Element) -> Element:
        texts: dict[int, str] = {}
        counts: dict[int, int] = {}
        for element in (one, other):
            for hashed, text, count in zip(*element, strict=True):
                texts[hashed] = text
                counts[hashed] = counts.get(hashed, 0) + count
        kept = sorted(counts)[: self.size]
        return kept, [texts[hashed] for hashed in kept], [counts[hashed] for hashed in kept]

    def fold_groups(self, columns: Columns, groups: Indices, *, count: int) -> Columns:
        flat = _flat([columns[0], columns[2]], groups)
        kept = _lowest(flat.hashes, flat.groups, self.size, counts=flat.counts)
        texts = pc.list_flatten(columns[1]).take(pa.array(kept.rows))
        parts = (pa.array(kept.hashes), texts, pa.array(kept.counts))
        return [_lists(kept.groups, count, part) for part in parts]

    def fold_ranges(self, columns: Columns, low: Indices, high: Indices) -> Columns:
        rows, groups = ranges.spread(low, high)
        return self.fold_groups([column.take(pa.array(rows)) for column in columns], groups, count=len(low))

    def sql(self, old: Sequence[str], new: Sequence[str]) -> list[str]:
        merged = f"features.lowest_counts({', '.join(old)}, {', '.join(new)}, {self.size})"
        return [f"({merged}).{name}" for name in ("hashes", "texts", "counts")]


class _Flat(NamedTuple):
    """Entries one by one: hash, count, the number of the group, the row among all entries."""

    hashes: Numbers
    counts: Numbers
    groups: Indices
    rows: Indices


def _flat(columns: Columns, groups: Indices) -> _Flat:
    parents = pc.list_parent_indices(columns[0]).to_numpy(zero_copy_only=False)
    hashes = pc.list_flatten(columns[0]).to_numpy(zero_copy_only=False)
    counts = pc.list_flatten(columns[1]).to_numpy(zero_copy_only=False) if len(columns) > 1 else hashes
    return _Flat(hashes, counts, groups[parents], np.arange(len(hashes)))


def _lowest(hashes: Numbers, groups: Indices, size: int, *, counts: Numbers | None = None) -> _Flat:
    """One entry per group and hash, the lowest `size` of each group, counts added up; in order."""
    order = np.lexsort((hashes, groups))
    hashes, groups = hashes[order], groups[order]
    is_first = np.ones(len(order), bool)
    is_first[1:] = (hashes[1:] != hashes[:-1]) | (groups[1:] != groups[:-1])
    first = np.flatnonzero(is_first)
    ends = np.append(first[1:], len(order))
    added = hashes[first] if counts is None else ranges.sums(counts[order], first, ends)
    hashes, groups = hashes[first], groups[first]
    is_low = np.arange(len(first)) - np.searchsorted(groups, groups) < size
    return _Flat(hashes[is_low], added[is_low], groups[is_low], order[first][is_low])


def _lists(groups: Indices, count: int, values: pa.Array) -> pa.Array:
    """A list per group of the values, which are in the order of their groups; null of a group of none."""
    bounds = np.searchsorted(groups, np.arange(count + 1))
    is_empty = np.diff(bounds) == 0
    offsets = pa.array(bounds.astype(np.int32), mask=np.append(is_empty, False))
    return pa.ListArray.from_arrays(offsets, values)
