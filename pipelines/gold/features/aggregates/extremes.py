"""The least and greatest value."""

from typing import Any

import pyarrow as pa

from pipelines.gold.features.aggregates import Moments
from pipelines.gold.features.aggregates.sums import Sum
from pipelines.gold.features.monoids import Columns, Element, Monoid
from pipelines.gold.features.monoids.extremes import Greatest, Least


class Min(Sum):
    """The least of an integer value over the events that have it; null of none."""

    monoid: Monoid = Least()

    def finish(self, element: Element | None, at: int) -> Any:
        return None if element is None else element[0]

    def finish_rows(self, columns: Columns, at: Moments) -> pa.Array:
        return columns[0]


class Max(Min):
    """The greatest of an integer value over the events that have it; null of none."""

    monoid: Monoid = Greatest()
