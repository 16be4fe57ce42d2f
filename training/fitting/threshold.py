"""From which probability on it pays to act."""

from dataclasses import dataclass

import numpy as np

from pipelines.gold.problems.problem import Worth
from training.examples import Examples, Floats, Integers
from training.fitting.search import Folds

_SURE = 2.0


@dataclass(frozen=True)
class Threshold:
    """`used`, and why in words; `theory` is cost / benefit, `found` the one of most gain in training.

    `gain_minor`: what acting on `found` rather than `theory` brought on folds it was not found on, minor
    units in all, and `error_minor` its standard error by users.
    """

    used: float
    why: str
    theory: float
    found: float
    gain_minor: float
    error_minor: float


def choose_threshold(examples: Examples, probabilities: Floats, *, worth: Worth, folds: Folds) -> Threshold:
    """Cost / benefit, unless another clearly brings more.

    With calibrated probabilities cost / benefit is the best threshold (Elkan 2001) and owes nothing to
    chance; one found on the same rows looks better than it is. So it is found on some folds and
    compared on the others, and taken only where it gains two standard errors more.
    """
    theory, gained = worth.threshold, np.zeros(len(examples))
    for fitted, judged in folds:
        found = _best(examples, probabilities, fitted, worth)
        acts, base = probabilities[judged] >= found, probabilities[judged] >= theory
        gained[judged] = (acts.astype(float) - base) * _worth(examples, judged, worth)
    _, users = np.unique(examples.groups.astype(str), return_inverse=True)
    by_user = np.bincount(users, weights=gained)
    gain, error = float(by_user.sum()), float(by_user.std() * np.sqrt(len(by_user)))
    found = _best(examples, probabilities, np.arange(len(examples)), worth)
    if gain > _SURE * error and gain > 0:
        return Threshold(found, "found on the training part: brings clearly more", theory, found, gain, error)
    return Threshold(theory, "cost / benefit: no other brings clearly more", theory, found, gain, error)


def _worth(examples: Examples, rows: Integers, worth: Worth) -> Floats:
    """What acting on each row brings, minor units."""
    brought = worth.benefit_minor * examples.labels[rows] - worth.cost_minor
    return np.asarray(brought * examples.weights[rows], dtype=np.float64)


def _best(examples: Examples, probabilities: Floats, rows: Integers, worth: Worth) -> float:
    """The probability from which on acting brought most on these rows; 1 where acting never pays."""
    order = np.argsort(-probabilities[rows], kind="stable")
    scores = probabilities[rows][order]
    total = np.cumsum(_worth(examples, rows, worth)[order])
    last_of_ties = np.append(scores[1:] != scores[:-1], True)
    total = np.where(last_of_ties, total, -np.inf)
    best = int(np.argmax(total))
    return float(scores[best]) if total[best] > 0 else 1.0
