"""The value that comes most often."""

from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.gold.features.aggregates import Lifted, Mask, Moments
from pipelines.gold.features.aggregates.distinct import singles
from pipelines.gold.features.aggregates.sums import Sum
from pipelines.gold.features.hashing import hash_of, hashes_of
from pipelines.gold.features.monoids import Columns, Element, Monoid
from pipelines.gold.features.monoids.samples import LowestCounts
from pipelines.gold.features.values import ANY, Event, Value, Where

SAMPLE = 64


class Top(Sum):
    """The text that comes most often, of equals the first by code points; null of none.

    Exact up to `sample` different texts; beyond, the most frequent of a fixed sample of them.
    """

    type = pa.string()
    _of = "text"

    def __init__(self, value: Value | str, where: Where = ANY, *, sample: int = SAMPLE) -> None:
        super().__init__(value, where)
        self.sample = sample

    @cached_property
    def monoid(self) -> Monoid:  # type: ignore[override]
        return LowestCounts(self.sample)

    def _element(self, event: Event) -> Element | None:
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

    def finish_rows(self, columns: Columns, at: Moments) -> pa.Array:
        elements = zip(*(column.to_pylist() for column in columns), strict=True)
        found = [self.finish(element if element[0] else None, 0) for element in elements]
        return pa.array(found, pa.string())
