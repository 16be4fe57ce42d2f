"""Shoppers whose true probabilities are known, and scores whose true average precision is known.

The log-odds of a decision are normal, partly the user's own. A contestant sees them with a normal error,
partly the user's too and partly shared between contestants, and gives the probability that follows from
what it sees: it is calibrated, and its true average precision is an integral over one normal variable.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit, ndtr

Floats = npt.NDArray[np.float64]
_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(31)
_NODE_WEIGHTS = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()
_GRID = np.linspace(-7, 7, 2801)


@dataclass(frozen=True)
class Population:
    """`spread`: standard deviation of the log-odds; `user_share`: of their variance, what is the user's."""

    prevalence: float
    spread: float
    user_share: float

    @cached_property
    def centre(self) -> float:
        """Mean of the log-odds at which the prevalence is as it should be."""

        def surplus(centre: float) -> float:
            return float(expit(centre + self.spread * _NODES) @ _NODE_WEIGHTS) - self.prevalence

        return float(brentq(surplus, -40, 10))

    def log_odds(self, users: npt.NDArray[np.intp], chance: np.random.Generator) -> Floats:
        return self.centre + self.spread * normal_by_user(users, self.user_share, chance)


@dataclass(frozen=True)
class Quality:
    """What a contestant makes of log-odds that it sees with an error of this standard deviation."""

    population: Population
    error: float

    @cached_property
    def _by_seen(self) -> Floats:
        """Probability at each point of the grid of what is seen, in standard deviations."""
        spread = self.population.spread
        whole = np.hypot(spread, self.error)
        left = spread * self.error / whole
        means = self.population.centre + spread**2 / whole * _GRID
        return np.asarray(expit(means[:, None] + left * _NODES) @ _NODE_WEIGHTS)

    def probabilities(self, log_odds: Floats, errors: Floats) -> Floats:
        whole = np.hypot(self.population.spread, self.error)
        seen = (log_odds + self.error * errors - self.population.centre) / whole
        return np.interp(seen, _GRID, self._by_seen)

    @cached_property
    def average_precision(self) -> float:
        """In the whole population: the integral of precision over recall."""
        mass = np.diff(ndtr(_GRID))[::-1]
        positives = (mass * (self._by_seen[1:] + self._by_seen[:-1])[::-1]) / 2
        precision = (np.cumsum(positives) - positives / 2) / (np.cumsum(mass) - mass / 2)
        return float(positives @ precision / positives.sum())


def normal_by_user(users: npt.NDArray[np.intp], share: float, chance: np.random.Generator) -> Floats:
    """Standard normal, of whose variance `share` is common to a user's rows."""
    own = chance.standard_normal(int(users.max()) + 1)[users]
    return np.sqrt(share) * own + np.sqrt(1 - share) * chance.standard_normal(len(users))
