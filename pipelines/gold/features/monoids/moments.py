"""The value of the earliest and of the latest event: by occurred_at, then event_id."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.gold.features.monoids import Columns, Element, Indices, Monoid, ranges


class Earliest(Monoid):
    """(value, microseconds, event id), of which the earliest stays. Ids compare by code point."""

    sign = 1
    _sign = "<"

    def __init__(self, type_: pa.DataType) -> None:
        self._type = type_

    @property
    def columns(self) -> Sequence[tuple[str, pa.DataType]]:
        return [("", self._type), ("at", pa.int64()), ("by", pa.string())]

    def merge(self, one: Element, other: Element) -> Element:
        return min(one, other, key=lambda element: element[1:])

    def fold_groups(self, columns: Columns, groups: Indices, *, count: int) -> Columns:
        ranks, order = self._ranks(columns)
        found = np.full(count, ranges.LARGEST, np.int64)
        np.minimum.at(found, groups, ranks)
        return _taken(columns, order, found)

    def fold_ranges(self, columns: Columns, low: Indices, high: Indices) -> Columns:
        ranks, order = self._ranks(columns)
        return _taken(columns, order, ranges.least(ranks, low, high))

    def sql(self, old: Sequence[str], new: Sequence[str]) -> list[str]:
        (_, old_at, old_by), (_, new_at, new_by) = old, new
        is_new = (
            f"{old_at} is null or ({new_at} is not null and "
            f'({new_at}, {new_by} collate "C") {self._sign} ({old_at}, {old_by} collate "C"))'
        )
        return [f"case when {is_new} then {b} else {a} end" for a, b in zip(old, new, strict=True)]

    def _ranks(self, columns: Columns) -> tuple[npt.NDArray[np.int64], Indices]:
        """The place of each row in the order of time, and the row at each place; units come last."""
        table = pa.table({"at": columns[1], "by": columns[2]})
        way = "ascending" if self.sign > 0 else "descending"
        order = np.asarray(pa.compute.sort_indices(table, sort_keys=[("at", way), ("by", way)]), np.int64)
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order))
        ranks[~columns[1].is_valid().to_numpy(zero_copy_only=False)] = ranges.LARGEST
        return ranks, order


class Latest(Earliest):
    """(value, microseconds, event id), of which the latest stays."""

    sign = -1
    _sign = ">"

    def merge(self, one: Element, other: Element) -> Element:
        return max(one, other, key=lambda element: element[1:])


def _taken(columns: Columns, order: Indices, places: npt.NDArray[np.int64]) -> Columns:
    """The rows at these places of the order; null where there is none."""
    is_there = places != ranges.LARGEST
    if not len(order):
        return [pa.nulls(len(places), column.type) for column in columns]
    rows = pa.array(order[np.where(is_there, places, 0)], mask=~is_there)
    return [column.take(rows) for column in columns]
