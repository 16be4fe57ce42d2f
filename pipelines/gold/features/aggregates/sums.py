"""Counts, sums and means."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import SettingsError
from pipelines.gold.features.aggregates import Aggregate, Lifted, Mask, Moments
from pipelines.gold.features.monoids import Columns, Element, Monoid
from pipelines.gold.features.monoids.add import Add
from pipelines.gold.features.values import ANY, Event, Field, Kind, Value, Where


class Count(Aggregate):
    """How many events."""

    monoid: Monoid = Add()
    type = pa.int64()

    def element(self, event: Event) -> Element | None:
        return (1,)

    def lift_rows(self, events: pa.Table, counting: Mask | None = None) -> Lifted:
        rows = np.flatnonzero(self._counting(events, counting))
        return Lifted(rows, [pa.array(np.ones(len(rows), np.int64))])

    def finish(self, element: Element | None, at: int) -> Any:
        return 0 if element is None else element[0]

    def finish_rows(self, columns: Columns, at: Moments) -> pa.Array:
        return pc.fill_null(columns[0], 0)


class Seen(Count):
    """Whether there was any such event."""

    type = pa.bool_()

    def finish(self, element: Element | None, at: int) -> Any:
        return element is not None and element[0] > 0

    def finish_rows(self, columns: Columns, at: Moments) -> pa.Array:
        return pc.greater(pc.fill_null(columns[0], 0), 0)


class Sum(Aggregate):
    """The sum of an integer value over the events that have it; 0 of none."""

    monoid: Monoid = Add()
    type = pa.int64()
    _of: Kind | None = "integer"

    def __init__(self, value: Value | str, where: Where = ANY) -> None:
        """Raises `SettingsError` when it is a value of another kind than this aggregate takes."""
        super().__init__(where)
        self.value = Field(value) if isinstance(value, str) else value
        if self._of not in (None, self.value.kind):
            raise SettingsError(
                f"feature sets: {type(self).__name__} takes a value of kind {self._of}; {self.value} is not."
            )

    @property
    def reads(self) -> set[str]:
        return super().reads | {self.value.reads}

    def element(self, event: Event) -> Element | None:
        value = self.value.of(event)
        return None if value is None else (value,)

    def lift_rows(self, events: pa.Table, counting: Mask | None = None) -> Lifted:
        values = self.value.of_rows(events)
        there = values.is_valid().to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(self._counting(events, counting) & there)
        return Lifted(rows, [values.take(pa.array(rows))])

    def finish(self, element: Element | None, at: int) -> Any:
        return 0 if element is None else element[0]

    def finish_rows(self, columns: Columns, at: Moments) -> pa.Array:
        return pc.fill_null(columns[0], 0)


class Mean(Sum):
    """The mean of an integer value over the events that have it; null of none. A double's quotient."""

    monoid: Monoid = Add("", "count")
    type = pa.float64()

    def element(self, event: Event) -> Element | None:
        value = self.value.of(event)
        return None if value is None else (value, 1)

    def lift_rows(self, events: pa.Table, counting: Mask | None = None) -> Lifted:
        rows, columns = super().lift_rows(events, counting)
        return Lifted(rows, [*columns, pa.array(np.ones(len(rows), np.int64))])

    def finish(self, element: Element | None, at: int) -> Any:
        return None if element is None or element[1] == 0 else quotient(*element)

    def finish_rows(self, columns: Columns, at: Moments) -> pa.Array:
        return quotients(*columns)


def quotient(above: float, below: float) -> float:
    """Both as doubles, then divided: what Postgres, Arrow and Python agree upon."""
    return float(above) / float(below)


def quotients(above: pa.Array, below: pa.Array) -> pa.Array:
    """The quotient of each row; null where the divisor is 0 or either is null."""
    divisor = pc.if_else(pc.equal(below, 0), None, below).cast(pa.float64(), safe=False)
    return pc.divide(above.cast(pa.float64(), safe=False), divisor)
