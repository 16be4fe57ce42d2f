"""Fewer negatives to learn from, with the probabilities put right afterwards."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.examples import Floats, Integers

NEGATIVES_PER_POSITIVE = 20.0
"""Beyond this ratio more negatives cost time and teach next to nothing."""


@dataclass(frozen=True)
class Sample:
    """`rows` to learn from; `share` of the negatives among them, 1 where all are kept."""

    rows: Integers
    share: float


def sample_negatives(labels: Integers, *, seed: int, per_positive: float = NEGATIVES_PER_POSITIVE) -> Sample:
    """All positives and at most `per_positive` times as many negatives, in the rows' order."""
    negatives = np.flatnonzero(labels == 0)
    wanted = round(per_positive * int((labels == 1).sum()))
    if not 0 < wanted < len(negatives):
        return Sample(np.arange(len(labels)), 1.0)
    kept = np.random.default_rng(seed).choice(negatives, size=wanted, replace=False)
    rows = np.sort(np.concatenate([np.flatnonzero(labels == 1), kept]))
    return Sample(rows, wanted / len(negatives))


def corrected(probabilities: npt.ArrayLike, share: float) -> Floats:
    """The probability among all rows, of a model fitted where only `share` of the negatives were kept.

    p = r q / (r q + 1 - q): C. Elkan, The foundations of cost-sensitive learning (2001); A. Dal Pozzolo
    and others, Calibrating probability with undersampling (2015).
    """
    found = np.asarray(probabilities, dtype=np.float64)
    return np.asarray(share * found / (share * found + (1 - found)))
