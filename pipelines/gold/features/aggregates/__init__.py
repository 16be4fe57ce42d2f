"""Aggregates: what of the events counts (`lift`), how it adds up (`monoid`), what it says (`finish`).

`finish(sum of lift(event))` is the feature's value. Scalar and vector forms say the same; the law tests
hold them against each other.
"""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.gold.features.monoids import Columns, Element, Indices, Monoid
from pipelines.gold.features.values import ANY, Event, Where

Moments = npt.NDArray[np.int64]
"""UTC microseconds, one a row."""
Mask = npt.NDArray[np.bool_]


class Lifted(NamedTuple):
    """The elements of those rows that count, in the order of the rows."""

    rows: Indices
    columns: Columns


class Ranges(NamedTuple):
    """Ranges low <= row < high of elements in the order of time, and the moment of each.

    `from_start`: each range begins with the first row of its entity.
    """

    low: Indices
    high: Indices
    at: Moments
    from_start: bool


class Aggregate(ABC):
    """One aggregate of the events that `where` lets through."""

    def __init__(self, where: Where = ANY) -> None:
        self.where = where

    @property
    @abstractmethod
    def monoid(self) -> Monoid:
        """How elements are merged."""

    @property
    @abstractmethod
    def type(self) -> pa.DataType:
        """Arrow type of the finished value."""

    @property
    def reads(self) -> set[str]:
        """The columns of the events that it looks at."""
        return self.where.reads

    def lift(self, event: Event) -> Element | None:
        """The event's element; None when it does not count."""
        return self.element(event) if self.where.holds(event) else None

    @abstractmethod
    def element(self, event: Event) -> Element | None:
        """The element of an event that `where` lets through."""

    @abstractmethod
    def lift_rows(self, events: pa.Table, counting: Mask | None = None) -> Lifted:
        """The elements of the rows. `counting`: what `where` says of them, where that is known already."""

    def _counting(self, events: pa.Table, counting: Mask | None) -> Mask:
        return self.where.of_rows(events) if counting is None else counting

    @abstractmethod
    def finish(self, element: Element | None, at: int) -> Any:
        """The value at a moment, in UTC microseconds."""

    @abstractmethod
    def finish_rows(self, columns: Columns, at: Moments) -> pa.Array:
        """The value of each row."""

    def values_of_ranges(self, columns: Columns, ranges: Ranges) -> pa.Array:
        """The value of each range; an aggregate may know a shorter way than by its elements."""
        return self.finish_rows(self.monoid.fold_ranges(columns, ranges.low, ranges.high), ranges.at)
