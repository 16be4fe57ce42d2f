"""What is known as a decision is made, and how sure that is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pipelines.contracts.positions import Vector

Part = Literal["postgres", "kafka", "mlflow", "model"]
"""What an answer may be stale for."""


class Stale(NamedTuple):
    """A part that does not answer, and the age of what is used in its place, in milliseconds.

    `age_ms` is None where there is nothing in its place.
    """

    part: Part
    age_ms: int | None


@dataclass(frozen=True)
class Known:
    """Every feature of a problem's sets at the question's moment.

    `features`: `<set>__<column>` → value; of a set whose entity the question does not name, what a set says
    of an entity without events. `positions`: all that is seen, of the store and in flight; `batch_id`: the
    store's newest batch. `is_whole`: whether the features hold exactly what lies below the positions (and
    what the caller added). `state_ahead`: the store was past the asking event already. `in_flight`: events
    that the store did not have.
    """

    features: Mapping[str, Any]
    positions: Vector
    batch_id: int | None
    in_flight: int
    is_whole: bool
    state_ahead: bool = False
    stale: tuple[Stale, ...] = ()
