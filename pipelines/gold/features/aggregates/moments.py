"""The first and the last value, and how long ago the first and the last event was."""

from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gold.features.aggregates import Aggregate, Lifted, Mask, Moments
from pipelines.gold.features.aggregates.sums import Sum
from pipelines.gold.features.monoids import Columns, Element, Monoid
from pipelines.gold.features.monoids.extremes import Greatest, Least
from pipelines.gold.features.monoids.moments import Earliest, Latest
from pipelines.gold.features.values import Event

_MICROS = 1_000_000


class First(Sum):
    """The value of the first event that has it, by occurred_at, then event_id; null of none."""

    _monoid: type[Earliest] = Earliest
    _of = None

    @cached_property
    def monoid(self) -> Monoid:  # type: ignore[override]
        return self._monoid(self.value.type)

    @cached_property
    def type(self) -> pa.DataType:
        return self.value.type

    @property
    def reads(self) -> set[str]:
        return super().reads | {"occurred_at", "event_id"}

    def element(self, event: Event) -> Element | None:
        value = self.value.of(event)
        return None if value is None else (value, event["occurred_at"], event["event_id"])

    def lift_rows(self, events: pa.Table, counting: Mask | None = None) -> Lifted:
        rows, columns = super().lift_rows(events, counting)
        kept = events.select(["occurred_at", "event_id"]).take(pa.array(rows)).combine_chunks()
        when = [kept[name].combine_chunks() for name in kept.column_names]
        return Lifted(rows, [*columns, when[0].cast(pa.int64()), when[1]])

    def finish(self, element: Element | None, at: int) -> Any:
        return None if element is None else element[0]

    def finish_rows(self, columns: Columns, at: Moments) -> pa.Array:
        return columns[0]


class Last(First):
    """The value of the last event that has it, by occurred_at, then event_id; null of none."""

    _monoid = Latest


class SinceLast(Aggregate):
    """Whole seconds since the last such event, never negative; null of none."""

    monoid: Monoid = Greatest()
    type = pa.int64()

    @property
    def reads(self) -> set[str]:
        return super().reads | {"occurred_at"}

    def element(self, event: Event) -> Element | None:
        return (event["occurred_at"],)

    def lift_rows(self, events: pa.Table, counting: Mask | None = None) -> Lifted:
        rows = np.flatnonzero(self._counting(events, counting))
        times = events["occurred_at"].cast(pa.int64()).take(pa.array(rows))
        return Lifted(rows, [times.combine_chunks() if isinstance(times, pa.ChunkedArray) else times])

    def finish(self, element: Element | None, at: int) -> Any:
        return None if element is None else max(0, at - element[0]) // _MICROS

    def finish_rows(self, columns: Columns, at: Moments) -> pa.Array:
        passed = pc.max_element_wise(pc.subtract(pa.array(at), columns[0]), 0, skip_nulls=False)
        return pc.divide(passed, _MICROS)


class SinceFirst(SinceLast):
    """Whole seconds since the first such event, never negative; null of none."""

    monoid: Monoid = Least()
