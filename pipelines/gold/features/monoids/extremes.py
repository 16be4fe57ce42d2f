"""The least and the greatest of integers."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gold.features.monoids import Columns, Element, Indices, Monoid, ranges


class Least(Monoid):
    """Integers, of which the least stays."""

    sign = 1
    _function = "least"

    @property
    def columns(self) -> Sequence[tuple[str, pa.DataType]]:
        return [("", pa.int64())]

    def merge(self, one: Element, other: Element) -> Element:
        return min(one, other)

    def fold_groups(self, columns: Columns, groups: Indices, *, count: int) -> Columns:
        found = np.full(count, ranges.LARGEST, np.int64)
        np.minimum.at(found, groups, self._numbers(columns[0]))
        return [self._column(found)]

    def fold_ranges(self, columns: Columns, low: Indices, high: Indices) -> Columns:
        return [self._column(ranges.least(self._numbers(columns[0]), low, high))]

    def sql(self, old: Sequence[str], new: Sequence[str]) -> list[str]:
        return [f"{self._function}({old[0]}, {new[0]})"]

    def _numbers(self, column: pa.Array) -> npt.NDArray[np.int64]:
        """The values, turned about where the greatest is wanted; the unit is larger than all."""
        values = np.asarray(pc.fill_null(column, 0).to_numpy(zero_copy_only=False), np.int64) * self.sign
        return np.where(column.is_valid().to_numpy(zero_copy_only=False), values, ranges.LARGEST)

    def _column(self, found: npt.NDArray[np.int64]) -> pa.Array:
        return pa.array(found * self.sign, mask=found == ranges.LARGEST)


class Greatest(Least):
    """Integers, of which the greatest stays."""

    sign = -1
    _function = "greatest"

    def merge(self, one: Element, other: Element) -> Element:
        return max(one, other)
