"""What all models say of one order's path: the rules, and the fits there are."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from pipelines.gold.attribution.fits import Fit, credit
from pipelines.gold.attribution.models import all_models
from pipelines.gold.attribution.touches import Path, Touch, path_to


class Shares(NamedTuple):
    """What one model says of one order: micro-shares by source."""

    model: str
    fit_version: int | None
    by_source: Mapping[str, int]


CREDITED = pa.schema(
    [
        pa.field("order_id", pa.string()),
        pa.field("model", pa.string()),
        pa.field("fit_version", pa.int64()),
        pa.field("source", pa.string()),
        pa.field("share_micros", pa.int64()),
    ]
)
"""One row per order, model and source."""


def shares_of(path: Path, fits: Sequence[Fit]) -> list[Shares]:
    """What every rule and every fit says of an order's path."""
    rules = [Shares(name, None, model.credit(path)) for name, model in all_models().items()]
    return [*rules, *(Shares(fit.model, fit.fit_version, credit(path, fit)) for fit in fits)]


class CreditPaths:
    """Callable for `mapInArrow`: orders with their touches in, rows of `CREDITED` out.

    Columns of the input: order_id, ordered_micros, and touches, a list of structs with the fields of
    `Touch` (times in UTC microseconds).
    """

    def __init__(self, fits: Sequence[Fit], *, look_back_seconds: int) -> None:
        self._fits = list(fits)
        self._look_back = look_back_seconds

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The credits of the orders."""
        for batch in batches:
            rows = [row for order in batch.to_pylist() for row in self._rows(order)]
            yield pa.RecordBatch.from_pylist(rows, schema=CREDITED)

    def _rows(self, order: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        touches = [Touch(**touch) for touch in order["touches"]]
        path = path_to(order["ordered_micros"], touches, look_back_seconds=self._look_back)
        for one in shares_of(path, self._fits):
            for source, share in one.by_source.items():
                said = {"model": one.model, "fit_version": one.fit_version}
                yield {"order_id": order["order_id"], **said, "source": source, "share_micros": share}
