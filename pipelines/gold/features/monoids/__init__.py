"""What partial values are made of: commutative monoids, each with its scalar, its vector and its SQL form.

An *element* is one partial value: a tuple with an entry per column of the monoid. The unit, what nothing
adds up to, is None. In vectors an element is a row of Arrow arrays; the unit is a row that is not there,
or one that is null in all columns (a sum of nothing may also be 0).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Element: TypeAlias = tuple[Any, ...]
Columns: TypeAlias = list[pa.Array]
Indices: TypeAlias = npt.NDArray[np.int64]


class Monoid(ABC):
    """Elements and how two of them become one; the order in which they are merged never matters."""

    @property
    @abstractmethod
    def columns(self) -> Sequence[tuple[str, pa.DataType]]:
        """Suffix and type of each column; the first suffix is empty."""

    @abstractmethod
    def merge(self, one: Element, other: Element) -> Element:
        """The two as one."""

    def merge_all(self, elements: Sequence[Element]) -> Element:
        """Several as one, at least one."""
        return reduce(self.merge, elements)

    @abstractmethod
    def fold_groups(self, columns: Columns, groups: Indices, *, count: int) -> Columns:
        """A row per group 0..count-1: the merged elements of the rows with that group's number."""

    @abstractmethod
    def fold_ranges(self, columns: Columns, low: Indices, high: Indices) -> Columns:
        """A row per range: the merged elements of the rows low <= row < high."""

    @abstractmethod
    def sql(self, old: Sequence[str], new: Sequence[str]) -> list[str]:
        """Postgres' expression for each column of the merged element, of columns that may be null."""

    def add(self, one: Element | None, other: Element | None) -> Element | None:
        """The two as one, either of which may be the unit."""
        if one is None or other is None:
            return other if one is None else one
        return self.merge(one, other)
