"""A model's metrics on rows that it has not seen, with intervals, on the whole and by slice."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.evaluation.intervals import Interval, intervals
from training.evaluation.scored import Scored
from training.examples import Examples, Floats, Texts

LEAST_POSITIVES = 30
"""A slice with fewer positive or fewer negative rows is not judged."""
_UNKNOWN = "(unknown)"


@dataclass(frozen=True)
class Slice:
    """One value of a slice; `metrics` is None where it has too few rows of one outcome to be judged."""

    rows: int
    positives: int
    metrics: Mapping[str, Interval] | None

    def as_data(self) -> dict[str, Any]:
        """As JSON has it; metrics are the text "too few" where there are none."""
        told = "too few" if self.metrics is None else _data(self.metrics)
        return {"rows": self.rows, "positives": self.positives, "metrics": told}


@dataclass(frozen=True)
class Evaluation:
    """Metrics by name, and by slice and its value. `groups`: users, whose rows are resampled together."""

    metrics: Mapping[str, Interval]
    slices: Mapping[str, Mapping[str, Slice]]
    rows: int
    positives: int
    groups: int
    threshold: float

    def as_data(self) -> dict[str, Any]:
        """As JSON has it."""
        slices = {
            name: {value: one.as_data() for value, one in values.items()}
            for name, values in self.slices.items()
        }
        counts = {"rows": self.rows, "positives": self.positives, "groups": self.groups}
        return {**counts, "threshold": self.threshold, "metrics": _data(self.metrics), "slices": slices}


def _data(metrics: Mapping[str, Interval]) -> dict[str, Any]:
    return {name: one.as_data() for name, one in metrics.items()}


def evaluate(
    examples: Examples, probabilities: Floats, *, threshold: float, seed: int, rounds: int = 1000
) -> Evaluation:
    """All metrics of these probabilities, with intervals over `rounds` resamples of users.

    Decisions are acted on from `threshold` on. Raises `ModelError` where probabilities are not one in 0..1
    for each row.
    """
    labels = examples.labels

    def judged(rows: npt.NDArray[np.bool_]) -> Mapping[str, Interval]:
        scored = scored_rows(examples.take(rows), probabilities[rows], threshold=threshold)
        return intervals(scored, rounds=rounds, seed=seed)

    def sliced(rows: npt.NDArray[np.bool_]) -> Slice:
        positives, count = int(labels[rows].sum()), int(rows.sum())
        enough = min(positives, count - positives) >= LEAST_POSITIVES
        return Slice(count, positives, judged(rows) if enough else None)

    whole = scored_rows(examples, probabilities, threshold=threshold)
    return Evaluation(
        metrics=intervals(whole, rounds=rounds, seed=seed),
        slices={
            name: {value: sliced(rows) for value, rows in _values(texts)}
            for name, texts in examples.slices.items()
        },
        rows=len(examples),
        positives=int(labels.sum()),
        groups=whole.groups,
        threshold=threshold,
    )


def scored_rows(examples: Examples, probabilities: Floats, *, threshold: float) -> Scored:
    """These rows with their probabilities, to be resampled by user. Raises `ModelError` as `Scored` does."""
    groups = group_numbers(examples)
    return Scored(examples.labels, probabilities, examples.weights, threshold, groups=groups)


def group_numbers(examples: Examples) -> npt.NDArray[np.intp]:
    """For each row the number of its group, 0..n-1."""
    return np.unique(examples.groups.astype(str), return_inverse=True)[1]


def _values(texts: Texts) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    named = np.array([_UNKNOWN if text is None else str(text) for text in texts], dtype=str)
    for value in np.unique(named):
        yield str(value), named == value
