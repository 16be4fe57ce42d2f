"""All contestants measured on the same resamples of the block's users."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from pipelines.errors import ModelError
from training.contest.contestants import Contestant, Failed
from training.evaluation.evaluate import group_numbers
from training.evaluation.metrics import average_precision, calibration_error
from training.evaluation.scored import Scored, Sums, resamples
from training.examples import Examples, Floats

_NO_THRESHOLD = 0.5
"""Rankings and calibration have none."""


@dataclass(frozen=True)
class Measured:
    """Average precision and calibration error, contestants by columns, and the share of positives.

    The first column is the whole block, the others are resamples; those in which a user's luck has left
    only one outcome are left out.
    """

    precision: Floats
    error: Floats
    share: Floats


def measure(
    block: Examples, contestants: Sequence[Contestant], *, rounds: int, seed: int
) -> tuple[Measured, dict[str, Failed]]:
    """Measure all whose probabilities can be used, in their order; the others by name, with the reason."""
    groups = group_numbers(block)
    scored: list[Scored] = []
    failed: dict[str, Failed] = {}
    for one in contestants:
        try:
            scored.append(
                Scored(block.labels, one.probabilities, block.weights, _NO_THRESHOLD, groups=groups)
            )
        except ModelError as error:
            failed[one.name] = Failed(one.name, str(error))
    users = int(groups.max()) + 1
    draws = chain([np.ones((users, 1))], resamples(users, rounds=rounds, seed=seed))
    return _measured(scored, draws), failed


def _measured(scored: Sequence[Scored], draws: Iterable[Floats]) -> Measured:
    if not scored:
        return Measured(np.empty((0, 1)), np.empty((0, 1)), np.empty(1))
    parts: list[tuple[Floats, Floats, Floats]] = []
    for drawn in draws:
        sums = [Sums(one, drawn) for one in scored]
        share = sums[0].totals["positives"] / sums[0].totals["rows"]
        precision = np.stack([average_precision(one) for one in sums])
        known = (share > 0) & (share < 1)
        error = np.stack([calibration_error(one) for one in sums])
        parts.append((precision[:, known], error[:, known], share[known]))
    precisions, errors, shares = zip(*parts, strict=True)
    return Measured(np.hstack(precisions), np.hstack(errors), np.concatenate(shares))
