"""Sums of integers: equal means equal, whatever the order."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gold.features.monoids import Columns, Element, Indices, Monoid, ranges

_HALF = 1 << 63


class Add(Monoid):
    """Integers of 64 bits under addition, one for each suffix, side by side.

    A sum beyond 64 bits begins again at the other end, as Arrow's does, in every interpreter: it is of no
    use, but the same everywhere, and stops no stream.
    """

    def __init__(self, *suffixes: str) -> None:
        self._suffixes = suffixes or ("",)

    @property
    def columns(self) -> Sequence[tuple[str, pa.DataType]]:
        return [(suffix, pa.int64()) for suffix in self._suffixes]

    def merge(self, one: Element, other: Element) -> Element:
        if len(one) == 1:  # most are, and this is done for every feature of every decision
            total = one[0] + other[0]
            if -_HALF <= total < _HALF:
                return (total,)
        return self.merge_all((one, other))

    def merge_all(self, elements: Sequence[Element]) -> Element:
        # Sums of Python's integers are exact: that they begin again at the other end can wait for the last.
        return tuple([_wrapped(sum(column)) for column in zip(*elements, strict=True)])

    def fold_groups(self, columns: Columns, groups: Indices, *, count: int) -> Columns:
        order = np.argsort(groups, kind="stable")
        ordered = groups[order]
        wanted = np.arange(count)
        low, high = np.searchsorted(ordered, wanted), np.searchsorted(ordered, wanted, side="right")
        return [pa.array(ranges.sums(_numbers(one)[order], low, high)) for one in columns]

    def fold_ranges(self, columns: Columns, low: Indices, high: Indices) -> Columns:
        return [pa.array(ranges.sums(_numbers(one), low, high)) for one in columns]

    def sql(self, old: Sequence[str], new: Sequence[str]) -> list[str]:
        return [f"features.added({a}, {b})" for a, b in zip(old, new, strict=True)]


def _wrapped(total: int) -> int:
    return total if -_HALF <= total < _HALF else (total + _HALF) % (2 * _HALF) - _HALF


def _numbers(column: pa.Array) -> npt.NDArray[np.int64]:
    return np.asarray(pc.fill_null(column, 0).to_numpy(zero_copy_only=False), np.int64)
