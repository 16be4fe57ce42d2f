"""Parameters by successive halving: many tried on few users, the best of them on more.

scikit-learn's halving search stops at a trial that fails to score, samples rows where users must stay
whole, and tells nothing while it runs; the loop here is small. Jamieson & Talwalkar (2016).
"""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import average_precision_score
from sklearn.model_selection import ParameterGrid, ParameterSampler
from sklearn.pipeline import Pipeline

from pipelines.errors import FitError
from training.estimators.estimator import Estimator, Parameters
from training.examples import Examples, Floats, Integers
from training.fitting.negative_sampling import sample_negatives
from training.splitting import spread

log = structlog.get_logger(__name__)

Progress = Callable[[int, int, str], None]
"""Called with steps done, steps in all, and what is being done."""

Folds = Sequence[tuple[Integers, Integers]]
_SHARES = (1 / 9, 1 / 3, 1.0)
_KEPT = 1 / 3
_LEAST_POSITIVES = 50


@dataclass(frozen=True)
class Trial:
    """Parameters tried on `share` of the users: mean average precision over the folds, or why it failed."""

    parameters: Mapping[str, Any]
    share: float
    average_precision: float | None
    seconds: float
    failure: str | None = None


@dataclass(frozen=True)
class Learner:
    """An estimator with parameters, fitted the same way in a search and at the end."""

    estimator: Estimator
    parameters: Parameters
    seed: int

    def fit(self, examples: Examples) -> tuple[Any, float]:
        """The model fitted on these rows, less surplus negatives, and the share of negatives kept."""
        if len(set(examples.labels.tolist())) < 2:
            raise FitError(
                f"{examples.problem}: all {len(examples)} rows to learn from have the outcome"
                f" {examples.labels[0] if len(examples) else 'missing'}; a model needs both."
            )
        sample = sample_negatives(examples.labels, seed=self.seed)
        rows = examples.take(sample.rows)
        model = self.estimator.build(self.parameters, self.seed)
        weighed = f"{model.steps[-1][0]}__sample_weight" if isinstance(model, Pipeline) else "sample_weight"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # then the trial scores what it scores
            model.fit(rows.values.astype(np.float64), rows.labels, **{weighed: rows.weights})
        return model, sample.share


def search(
    examples: Examples, estimator: Estimator, *, folds: Folds, budget: int, seed: int, progress: Progress
) -> tuple[Trial, ...]:
    """All trials, the best of the last round first. Raises `FitError` where none succeeded.

    A trial that fails is recorded with its reason and taken no further.
    """
    candidates = draw(estimator, budget=budget, seed=seed)
    shares = _rounds(examples, len(candidates))
    planned = sum(_kept(len(candidates), step) for step in range(len(shares)))
    trials: list[Trial] = []
    last: list[Trial] = []
    for share in shares:
        last = []
        parts = [(_users(examples, fitted, share), judged) for fitted, judged in folds]
        for parameters in candidates:
            progress(len(trials), planned, f"{estimator.name}: trial on {share:.0%} of users")
            last.append(_try(examples, Learner(estimator, parameters, seed), parts, share))
            trials.append(last[-1])
        last = sorted((one for one in last if one.failure is None), key=_score, reverse=True)
        candidates = [one.parameters for one in last[: max(1, round(len(candidates) * _KEPT))]]
    if not last:
        reasons = sorted({one.failure for one in trials if one.failure})
        raise FitError(f"{estimator.name}: none of {len(trials)} trials succeeded: {'; '.join(reasons[:3])}")
    return (last[0], *(one for one in trials if one is not last[0]))


def draw(estimator: Estimator, *, budget: int, seed: int) -> list[Parameters]:
    """As many different parameters as the budget allows; one empty set where nothing is searched."""
    space = dict(estimator.space)
    if not space:
        return [{}]
    if all(isinstance(choices, list | tuple) for choices in space.values()):
        budget = min(budget, len(ParameterGrid(space)))
    drawn = ParameterSampler(space, n_iter=budget, random_state=seed)
    return [{name: _plain(value) for name, value in one.items()} for one in drawn]


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's, so that parameters can be written down anywhere."""
    return value.item() if isinstance(value, np.generic) else value


def _rounds(examples: Examples, candidates: int) -> list[float]:
    """Shares of the users, each round's; never so few that a handful of positives decides."""
    if candidates == 1:
        return [1.0]
    least = min(1.0, _LEAST_POSITIVES / max(1, int(examples.labels.sum())))
    return [max(share, least) for share in _SHARES]


def _kept(candidates: int, step: int) -> int:
    for _ in range(step):
        candidates = max(1, round(candidates * _KEPT))
    return candidates


def _users(examples: Examples, rows: Integers, share: float) -> Integers:
    """Whole users; those of a smaller share are among those of a larger one."""
    return rows[spread(examples.groups[rows], salt="search") < share]


def _score(trial: Trial) -> float:
    return trial.average_precision or 0.0


def _try(examples: Examples, learner: Learner, folds: Folds, share: float) -> Trial:
    began = time.perf_counter()
    try:
        found = float(np.mean([_judge(examples, learner, *fold) for fold in folds]))
    except Exception as error:
        reason = str(error) if isinstance(error, FitError) else f"{type(error).__name__}: {error}"
        log.warning("trial failed", estimator=learner.estimator.name, reason=reason)
        return Trial(learner.parameters, share, None, time.perf_counter() - began, reason)
    return Trial(learner.parameters, share, found, time.perf_counter() - began)


def _judge(examples: Examples, learner: Learner, fitted: Integers, judged: Integers) -> float:
    model, _ = learner.fit(examples.take(fitted))
    scores: Floats = model.predict_proba(examples.values[judged].astype(np.float64))[:, 1]
    labels, weights = examples.labels[judged], examples.weights[judged]
    return float(average_precision_score(labels, scores, sample_weight=weights))
