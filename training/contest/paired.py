"""Tell whether challengers are better than what they are compared with, on the same resamples of users.

P. H. Westfall, S. S. Young, Resampling-Based Multiple Testing (1993), step-down maximum of t: as challengers
are judged on the same rows, their differences move together, and a correction that knows how loses less
power than Holm's.
"""

from dataclasses import dataclass

import numpy as np

from training.examples import Floats


@dataclass(frozen=True)
class Tested:
    """p value of "not better", alone and as one of all, by challenger."""

    p: Floats
    adjusted: Floats


def tested(differences: Floats, resampled: Floats) -> Tested:
    """Test each of `differences` with its row of `resampled` (challengers by rounds), one-sided.

    The resamples less the difference itself are what it would be without any true one; both are taken in
    standard errors. A difference of nothing, or without any spread, is a tie: p is 1.
    """
    spread = resampled.std(axis=1)
    certain = spread <= 1e-12
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.where(certain, -np.inf, differences / spread)
        chance = (resampled - differences[:, None]) / spread[:, None]
    chance = np.where(certain[:, None], -np.inf, chance)
    return Tested(_p(chance, found, certain), _step_down(chance, found, certain))


def _p(chance: Floats, found: Floats, certain: np.ndarray) -> Floats:
    rounds = chance.shape[1]
    reached = (chance >= found[:, None]).sum(axis=1)
    return np.where(certain, 1.0, (1 + reached) / (1 + rounds))


def _step_down(chance: Floats, found: Floats, certain: np.ndarray) -> Floats:
    """The p value of the greatest against the greatest by chance of all, then of the rest, never falling."""
    order = np.argsort(-found, kind="stable")
    greatest = np.maximum.accumulate(chance[order][::-1], axis=0)[::-1]
    steps = np.maximum.accumulate(_p(greatest, found[order], certain[order]))
    adjusted = np.empty(len(found))
    adjusted[order] = steps
    return adjusted
