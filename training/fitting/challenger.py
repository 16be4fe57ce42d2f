"""A challenger: searched, calibrated and fitted on the training part alone, and ready to be served."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.connectors.onnx_model import ModelFile
from pipelines.errors import FitError
from pipelines.gold.problems.problem import Problem
from training.estimators.estimator import Estimator
from training.examples import Examples, Floats
from training.fitting.calibration import Calibrated, Untouched, calibrate
from training.fitting.export import Fitted, difference, export
from training.fitting.search import Folds, Learner, Progress, Trial, search
from training.fitting.threshold import Threshold, choose_threshold
from training.splitting import group_folds

_SEARCH_FOLDS = 3
_CALIBRATION_FOLDS = 5


@dataclass(frozen=True)
class Challenger:
    """What was fitted and how. `trials`: the winner first. `seconds`: of the whole fit.

    `calibration`: the curve's name, `calibration_losses` each curve's log loss on folds it had not seen.
    `negatives_share`: of the negatives learnt from. `onnx_difference`: the largest on the rows learnt from.
    """

    estimator: str
    parameters: Mapping[str, Any]
    file: ModelFile
    threshold: Threshold
    trials: tuple[Trial, ...]
    calibration: str
    calibration_losses: Mapping[str, float]
    negatives_share: float
    onnx_difference: float
    examples_digest: str
    seed: int
    seconds: float

    @property
    def failures(self) -> tuple[Trial, ...]:
        """The trials that failed."""
        return tuple(one for one in self.trials if one.failure is not None)


def fit_challenger(
    examples: Examples,
    estimator: Estimator,
    *,
    problem: Problem,
    budget: int = 50,
    seed: int,
    progress: Progress = lambda _done, _total, _text: None,
) -> Challenger:
    """Searches `budget` parameters, calibrates, chooses a threshold, fits on all rows, and exports.

    Raises `FitError` where the rows do not allow it (one class, too few users, infinite values) or every
    trial fails, and `ModelError` where the graph is not equal to the model.
    """
    began = time.perf_counter()
    _check(examples)
    tuning = group_folds(examples, folds=_SEARCH_FOLDS, seed=seed)
    trials = search(examples, estimator, folds=tuning, budget=budget, seed=seed, progress=progress)
    learner = Learner(estimator, trials[0].parameters, seed)
    progress(len(trials), len(trials), f"{estimator.name}: calibrating and exporting the best")
    folds = group_folds(examples, folds=_CALIBRATION_FOLDS, seed=seed + 1)
    calibrated = _calibrated(examples, learner, folds)
    threshold = choose_threshold(examples, calibrated.probabilities, worth=problem.worth, folds=folds)
    fitted = Fitted(*learner.fit(examples), calibrated.curve)
    file = export(fitted, examples.features, rows=examples.values)
    return Challenger(
        estimator=estimator.name,
        parameters=trials[0].parameters,
        file=file,
        threshold=threshold,
        trials=trials,
        calibration=calibrated.curve.name,
        calibration_losses=calibrated.losses,
        negatives_share=fitted.negatives_share,
        onnx_difference=difference(fitted, file, examples.values),
        examples_digest=examples.digest,
        seed=seed,
        seconds=time.perf_counter() - began,
    )


def _check(examples: Examples) -> None:
    odd = np.flatnonzero(np.isinf(examples.values).any(axis=0))
    if len(odd):
        names = ", ".join(examples.features[one] for one in odd[:5])
        raise FitError(f"{examples.problem}: infinite values in {names}; mend the feature.")
    if not len(examples) or len(set(examples.labels.tolist())) < 2:
        raise FitError(
            f"{examples.problem}: {len(examples)} rows with {int(examples.labels.sum())} outcomes;"
            " a model needs decisions with and without the outcome."
        )


def _calibrated(examples: Examples, learner: Learner, folds: Folds) -> Calibrated:
    """The curve, by probabilities of models that had not seen the row's user."""
    found: Floats = np.zeros(len(examples))
    for fitted, judged in folds:
        model, share = learner.fit(examples.take(fitted))
        found[judged] = Fitted(model, share, Untouched()).probabilities(examples.values[judged])
    return calibrate(found, examples.labels, examples.weights, folds)
