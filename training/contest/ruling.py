"""What a contest was decided on: a line for each contestant, and why."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from training.contest.gates import GateResult
from training.evaluation.intervals import Interval


@dataclass(frozen=True)
class Line:
    """A contestant in a contest. What was not measured is None.

    `difference`: average precision less the champion's (without champion: less the share of positives),
    with its limits at 1 - 2 x level. `p`: how often a model that is not better would come out this well;
    `p_adjusted`: as one of all challengers. `reason`: one sentence why it won or did not.
    """

    name: str
    is_champion: bool
    won: bool
    average_precision: Interval | None
    difference: Interval | None
    p: float | None
    p_adjusted: float | None
    gates: tuple[GateResult, ...]
    reason: str

    def as_data(self) -> dict[str, Any]:
        """As JSON has it."""
        intervals = {
            name: None if one is None else one.as_data()
            for name, one in (("average_precision", self.average_precision), ("difference", self.difference))
        }
        return {**vars(self), **intervals, "gates": [asdict(one) for one in self.gates]}


@dataclass(frozen=True)
class Ruling:
    """Who won, None where all stays as it is, and the `reason` in one sentence.

    `block`: its rows, positives and groups. `level`, `rounds`, `seed`: of the test, to repeat it by.
    """

    winner: str | None
    lines: tuple[Line, ...]
    reason: str
    block: Mapping[str, int]
    level: float
    rounds: int
    seed: int

    def as_data(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**vars(self), "block": dict(self.block), "lines": [one.as_data() for one in self.lines]}
