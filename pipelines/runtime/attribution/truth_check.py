"""Comparing first clicks with what the simulator knows."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pipelines.errors import SettingsError
from pipelines.gold.attribution.touches import DIRECT, MICROS
from pipelines.runtime.attribution.arrivals import Arrived
from pipelines.runtime.attribution.stored import Row

_SHOWN = 100


@dataclass(frozen=True)
class TruthResult:
    """Paid orders whose first click was compared; `late`: of which not all touches came in time."""

    orders: int
    late: int
    different: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether every first click is the true one."""
        return not self.different

    def as_data(self) -> dict[str, Any]:
        """The result as JSON data."""
        equal = self.orders - len(self.different)
        return {
            "orders": self.orders,
            "late": self.late,
            "share_equal": equal / self.orders if self.orders else None,
            "different": list(self.different[:_SHOWN]),
        }


class _Touch(msgspec.Struct):
    source: str
    event_id: str


class _Order(msgspec.Struct):
    order_id: str
    visitor_id: str
    look_back_seconds: float
    touches: list[_Touch]


class _Kind(msgspec.Struct):
    kind: str


def compare_with_truth(
    path: Path,
    credited: Iterable[Row],
    arrived: Iterable[Arrived],
    *,
    late: Collection[str],
    look_back_seconds: int,
) -> TruthResult:
    """Compare what the model `first` says of paid orders with the file of `clicklake simulate --truth`.

    Raises `SettingsError` when the file is of another look-back, or no such file.
    """
    firsts: dict[str, dict[str, int]] = {}
    for row in credited:
        if row["model"] == "first" and row["look_back_seconds"] == look_back_seconds:
            firsts.setdefault(row["order_id"], {})[row["source"]] = row["share_micros"]
    came = {(row["visitor_id"], row["event_id"]) for _, table, row in arrived if table == "silver.events"}
    compared, left_out, different = 0, 0, []
    for order in _orders(path, look_back_seconds):
        if order.order_id not in firsts:
            continue
        if order.order_id in late or any(
            (order.visitor_id, one.event_id) not in came for one in order.touches
        ):
            left_out += 1
            continue
        compared += 1
        source = order.touches[0].source if order.touches else DIRECT
        if firsts[order.order_id] != {source: MICROS}:
            different.append(order.order_id)
    return TruthResult(compared, left_out, tuple(different))


def _orders(path: Path, look_back_seconds: int) -> Iterator[_Order]:
    try:
        with path.open("rb") as lines:
            for line in lines:
                if msgspec.json.decode(line, type=_Kind).kind == "order":
                    yield _checked(msgspec.json.decode(line, type=_Order), path, look_back_seconds)
    except (OSError, msgspec.MsgspecError) as error:
        raise SettingsError(f"{path}: no file of the simulator's truth: {error}.") from None


def _checked(order: _Order, path: Path, look_back_seconds: int) -> _Order:
    if order.look_back_seconds != look_back_seconds:
        raise SettingsError(
            f"{path}: the truth is about {order.look_back_seconds:g} s before an order, "
            f"attribution.look_back_seconds is {look_back_seconds}: simulate and attribute with the same."
        )
    return order
