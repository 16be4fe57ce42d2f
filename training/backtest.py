"""What a model would have decided then, on exactly the features known then, beside what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.contracts.clock import micros, moment
from pipelines.errors import LakeError
from pipelines.gold.problems.problem import Worth
from training.contest.field import Entry
from training.contest.paired import tested
from training.evaluation.evaluate import Evaluation, evaluate, group_numbers
from training.evaluation.scored import resamples
from training.examples import Examples, Floats

_ROUNDS = 1_000


@dataclass(frozen=True)
class Backtest:
    """One model over the decisions of a time. `gain_minor`: benefits of what came less costs of acting.

    `learnt_until`: the last decision that the model learnt from, where that is known; of decisions before
    it the backtest tells nothing about the future.
    """

    entry: Entry
    probabilities: Floats
    evaluation: Evaluation
    acted: int
    gain_minor: float
    learnt_until: datetime | None

    def as_data(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "model": self.entry.name,
            "threshold": self.entry.threshold,
            "acted": self.acted,
            "gain_minor": round(self.gain_minor),
            "learnt_until": self.learnt_until.isoformat() if self.learnt_until else None,
            **self.evaluation.as_data(),
        }


def backtest(
    examples: Examples, entry: Entry, *, worth: Worth, learnt_until: datetime | None, seed: int
) -> Backtest:
    """The model's decisions. Raises `LakeError` where none was to be made, `ModelError` as the model does."""
    if not len(examples):
        raise LakeError(f"{examples.problem}: there is no labelled decision in that time.")
    probabilities = entry.probabilities(examples)
    evaluation = evaluate(examples, probabilities, threshold=entry.threshold, seed=seed, rounds=_ROUNDS)
    acts = probabilities >= entry.threshold
    gain = float(_gains(examples, acts, worth).sum())
    return Backtest(entry, probabilities, evaluation, int(acts.sum()), gain, learnt_until)


def seen_share(examples: Examples, learnt_until: datetime | None) -> float:
    """The share of these decisions that lie before the last one that a model learnt from."""
    if learnt_until is None or not len(examples):
        return 0.0
    return float(np.mean(examples.decided_at <= micros(learnt_until)))


@dataclass(frozen=True)
class Comparison:
    """What acting by one model brought more than by another; limits of 95 of 100 resamples of users."""

    gain_minor: float
    low: float
    high: float
    p: float


def compared(examples: Examples, one: Backtest, other: Backtest, *, worth: Worth, seed: int) -> Comparison:
    """What the one brought more than the other, by user."""
    gains = [_gains(examples, each.probabilities >= each.entry.threshold, worth) for each in (one, other)]
    by_user = np.bincount(group_numbers(examples), gains[0] - gains[1])
    rounds = [by_user @ drawn for drawn in resamples(len(by_user), rounds=_ROUNDS, seed=seed)]
    resampled = np.concatenate(rounds)
    found = tested(np.array([by_user.sum()]), resampled[np.newaxis, :])
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Comparison(float(by_user.sum()), float(low), float(high), float(found.p[0]))


def decisions(examples: Examples, found: Mapping[str, Backtest]) -> pa.Table:
    """A row per decision: what it was, what came, and of each model its probability and whether it acts."""
    columns: dict[str, Any] = {
        "row_id": examples.row_ids,
        "decided_at": pa.array([moment(int(at)) for at in examples.decided_at]),
        "label": examples.labels,
    }
    for name, one in found.items():
        columns[f"{name} probability"] = one.probabilities
        columns[f"{name} acts"] = one.probabilities >= one.entry.threshold
    return pa.table(columns)


def _gains(examples: Examples, acts: np.ndarray[Any, np.dtype[np.bool_]], worth: Worth) -> Floats:
    """What acting on these rows brought, minor units."""
    brought = worth.benefit_minor * examples.labels - worth.cost_minor
    return np.where(acts, brought * examples.weights, 0.0)
