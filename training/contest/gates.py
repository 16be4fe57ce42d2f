"""What a model must keep to before it may go live, however well it ranks."""

from dataclasses import dataclass

import numpy as np

from pipelines.gold.problems.problem import Gates
from training.contest.contestants import Contestant
from training.evaluation.intervals import Interval
from training.examples import Examples

LEAST_GROUPS = 50
"""With fewer users, resamples of them understate chance: of contests among 30 without a better challenger
8 % would promote one, where 5 % may (simulated; 60 users: 6 %)."""


@dataclass(frozen=True)
class GateResult:
    """A gate by its name (in `Gates`, or `least_groups`), what was found, its limit, whether it was kept."""

    gate: str
    value: float
    limit: float
    kept: bool

    def __str__(self) -> str:
        """In words."""
        return f"{self.gate} {self.value:.4g} (limit {self.limit:.4g})"


def block_gates(block: Examples, gates: Gates) -> tuple[GateResult, ...]:
    """Whether the block can carry a decision at all.

    Rows count by what they weigh together, (sum w)^2 / sum w^2 (L. Kish, Survey Sampling, 1965): as many
    as they are where they weigh the same.
    """
    positive = block.labels == 1
    rows, positives = _effective(block.weights), _effective(block.weights[positive])
    groups = len(set(block.groups))
    return (
        GateResult("least_rows", rows, gates.least_rows, rows >= gates.least_rows),
        GateResult("least_positives", positives, gates.least_positives, positives >= gates.least_positives),
        GateResult("least_groups", groups, LEAST_GROUPS, groups >= LEAST_GROUPS),
    )


def _effective(weights: np.ndarray) -> float:
    squares = float(np.square(weights).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def contestant_gates(contestant: Contestant, error: Interval, gates: Gates) -> tuple[GateResult, ...]:
    """Whether a contestant is calibrated, fast and small enough.

    Calibration is refused where even the lower limit of its error is above what is allowed: the error of a
    calibrated model is above 0 by chance alone.
    """
    limit = gates.calibration_error
    return (
        GateResult("calibration_error", error.value, limit, bool(error.low <= limit)),
        _at_most("row_micros", contestant.row_micros, gates.row_micros),
        _at_most("artefact_mib", contestant.artefact_mib, gates.artefact_mib),
    )


def _at_most(gate: str, value: float, limit: float) -> GateResult:
    return GateResult(gate, value, limit, value <= limit)
