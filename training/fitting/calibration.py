"""Scores that say what they mean: of the decisions scored p, a share p has the outcome.

Curves map log-odds to a probability and rise strictly, so that calibration changes no ranking. All work on
log-odds within ±LIMIT: nearer to 0 or 1 the last digits of a probability would decide.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss

from training.examples import Floats, Integers

CLIP = 1e-6
LIMIT = float(logit(1 - CLIP))
_GRID = 0.01
Folds = Sequence[tuple[Integers, Integers]]


@dataclass(frozen=True)
class Untouched:
    """Probabilities as they are."""

    name = "none"

    def __call__(self, probabilities: Floats) -> Floats:
        """The same."""
        return probabilities


@dataclass(frozen=True)
class Sigmoid:
    """1 / (1 + exp(-(slope z + intercept))) of the log-odds z: J. Platt (1999), on log-odds."""

    slope: float
    intercept: float
    name = "sigmoid"

    def __call__(self, probabilities: Floats) -> Floats:
        """Calibrated probabilities."""
        return np.asarray(expit(self.slope * log_odds(probabilities) + self.intercept))


@dataclass(frozen=True)
class Isotonic:
    """Straight lines between knots (log-odds, probability), which rise strictly."""

    knots: Floats
    values: Floats
    name = "isotonic"

    def __call__(self, probabilities: Floats) -> Floats:
        """Calibrated probabilities."""
        return np.asarray(np.interp(log_odds(probabilities), self.knots, self.values))


Calibration = Untouched | Sigmoid | Isotonic


@dataclass(frozen=True)
class Calibrated:
    """The curve with the smallest log loss on folds it was not fitted on; `losses` of each curve tried.

    `probabilities`: each row's, by a curve fitted without the row's fold.
    """

    curve: Calibration
    losses: Mapping[str, float]
    probabilities: Floats


def log_odds(probabilities: npt.ArrayLike) -> Floats:
    """log(p / (1 - p)), within ±LIMIT."""
    return np.asarray(logit(np.clip(np.asarray(probabilities, dtype=np.float64), CLIP, 1 - CLIP)))


def calibrate(probabilities: Floats, labels: Integers, weights: Floats, folds: Folds) -> Calibrated:
    """Chooses a curve for these out-of-fold probabilities, and fits it on all of them."""
    crossed = {name: _crossed(fit, probabilities, labels, weights, folds) for name, fit in _KINDS.items()}
    losses = {
        name: float(log_loss(labels, np.clip(found, CLIP, 1 - CLIP), sample_weight=weights))
        for name, found in crossed.items()
    }
    best = min(losses, key=lambda name: losses[name])
    return Calibrated(_KINDS[best](probabilities, labels, weights), losses, crossed[best])


def _crossed(fit: "Fit", probabilities: Floats, labels: Integers, weights: Floats, folds: Folds) -> Floats:
    found = np.array(probabilities, dtype=np.float64)
    for fitted, judged in folds:
        curve = fit(probabilities[fitted], labels[fitted], weights[fitted])
        found[judged] = curve(probabilities[judged])
    return found


def _untouched(_probabilities: Floats, _labels: Integers, _weights: Floats) -> Calibration:
    return Untouched()


def fit_sigmoid(probabilities: Floats, labels: Integers, weights: Floats) -> Calibration:
    """Slope and intercept of least log loss; untouched where the scores do not rise with the outcome."""
    odds = log_odds(probabilities)

    def loss(parameters: Floats) -> float:
        signed = np.where(labels == 1, -1, 1) * (parameters[0] * odds + parameters[1])
        return float((weights * np.logaddexp(0, signed)).sum() / weights.sum())

    slope, intercept = (float(one) for one in minimize(loss, np.array([1.0, 0.0])).x)
    return Sigmoid(slope, intercept) if slope > 0 else Untouched()


def fit_isotonic(probabilities: Floats, labels: Integers, weights: Floats) -> Calibration:
    """Centred isotonic regression: A. Oron and N. Flournoy (2017).

    The usual isotonic curve is a stair: it ties rows that the model ranks. Here lines join the middles of
    its steps, and run to (-LIMIT, 0) and (LIMIT, 1). Log-odds are first put on a grid of 0.01, which keeps
    slopes below 100: a difference in the last digits of a score stays one.
    """
    odds = np.round(log_odds(probabilities) / _GRID) * _GRID
    steps = IsotonicRegression(y_min=0, y_max=1).fit_transform(odds, labels, sample_weight=weights)
    heights, which = np.unique(steps, return_inverse=True)
    heaviness = np.bincount(which, weights=weights)
    middles = np.bincount(which, weights=weights * odds) / heaviness
    inside = (np.abs(middles) < LIMIT - _GRID) & (heights > 0) & (heights < 1)
    knots = np.concatenate([[-LIMIT], middles[inside], [LIMIT]])
    return Isotonic(knots, np.concatenate([[0.0], heights[inside], [1.0]]))


Fit = Callable[[Floats, Integers, Floats], Calibration]
_KINDS: dict[str, Fit] = {"none": _untouched, "sigmoid": fit_sigmoid, "isotonic": fit_isotonic}
