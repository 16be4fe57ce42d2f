"""Labels beside probabilities, ranked once, so that any resample of users is a few matrix products.

Resampling whole users means that each user's rows count as often as the user was drawn. Whatever a metric
needs is a sum of rows' weights, so it is linear in those multiplicities: the sums per user are made once,
and a thousand resamples are one product of a sparse matrix.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pipelines.errors import ModelError
from training.examples import Floats, Integers

BINS = 10
"""Bins of equal weight by which calibration is measured."""
_TOTALS = ("rows", "positives", "acted", "acted_positives", "log_loss", "brier")
_ROUNDS_AT_ONCE = 32
"""Keeps the sums of a resample in the processor's cache."""


class Scored:
    """Labels (0, 1) with the probabilities that a model gave them, ready to be summed over resamples.

    `groups`: 0..n-1 for each row, what is resampled; None for a single group. A decision is acted on where
    its probability is at least `threshold`. Raises `ModelError` where probabilities are not one in 0..1 for
    each row.
    """

    def __init__(
        self,
        labels: Integers,
        probabilities: Floats,
        weights: Floats,
        threshold: float,
        *,
        groups: npt.NDArray[np.intp] | None = None,
    ) -> None:
        _check(labels, probabilities)
        order = np.argsort(-probabilities, kind="stable")
        self._labels, self._weights = labels[order] == 1, weights[order]
        self._probabilities, self._threshold = probabilities[order], threshold
        self._groups = np.zeros(len(labels), np.intp) if groups is None else groups[order]
        self.groups = int(self._groups.max(initial=0)) + 1

    @cached_property
    def runs(self) -> npt.NDArray[np.intp]:
        """For each row, best first, the number of its run: rows of equal probability cannot be told apart."""
        return np.concatenate(([0], np.cumsum(np.diff(self._probabilities) != 0)))[: len(self._labels)]

    @cached_property
    def segments(self) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """Weights of all rows and of positive rows, segments by groups, best first.

        A segment is a run that has positives, or all the runs between two such: within the latter nothing
        changes that a ranking is judged by, and there are few positives.
        """
        with_positives = np.bincount(self.runs, self._labels) > 0
        starts = np.concatenate(([True], with_positives[1:] | with_positives[:-1]))
        of_row = (np.cumsum(starts) - 1)[self.runs]
        shape = (int(starts.sum()), self.groups)
        rows = sparse.csr_matrix((self._weights, (of_row, self._groups)), shape=shape)
        chosen = self._labels
        positives = (self._weights[chosen], (of_row[chosen], self._groups[chosen]))
        return rows, sparse.csr_matrix(positives, shape=shape)

    @cached_property
    def totals(self) -> Floats:
        """`_TOTALS` by groups."""
        labels, weights, chances = self._labels, self._weights, self._probabilities
        acted = chances >= self._threshold
        least = np.finfo(np.float64).eps
        right = np.clip(np.where(labels, chances, 1 - chances), least, 1)
        parts = (
            np.ones(len(labels)),
            labels,
            acted,
            acted & labels,
            -np.log(right),
            np.square(chances - labels),
        )
        return self._by_group([part * weights for part in parts])

    @cached_property
    def gaps(self) -> Floats:
        """Expected less observed positives in each of `BINS` bins of equal weight, by groups.

        A run goes to the bin in which its middle lies, undivided. The bins stay where they are when users
        are resampled.
        """
        of_run = np.bincount(self.runs, self._weights)
        middles = (np.cumsum(of_run) - of_run / 2) / of_run.sum()
        bins = np.minimum((middles * BINS).astype(np.intp), BINS - 1)[self.runs]
        gaps = (self._probabilities - self._labels) * self._weights
        return self._by_group([np.where(bins == one, gaps, 0.0) for one in range(BINS)])

    def _by_group(self, parts: list[Floats]) -> Floats:
        return np.stack([np.bincount(self._groups, part, self.groups) for part in parts])


def _check(labels: Integers, probabilities: Floats) -> None:
    if len(labels) != len(probabilities):
        raise ModelError(f"a model gave {len(probabilities)} probabilities for {len(labels)} rows.")
    if not np.all((probabilities >= 0) & (probabilities <= 1)):
        raise ModelError("a model gave probabilities that are not numbers between 0 and 1.")


@dataclass(frozen=True)
class Sums:
    """What metrics are made of, one column for each resample in `multiplicities` (groups by resamples)."""

    scored: Scored
    multiplicities: Floats

    @cached_property
    def totals(self) -> dict[str, Floats]:
        """Weighted sums over rows by name."""
        return dict(zip(_TOTALS, self.scored.totals @ self.multiplicities, strict=True))

    @cached_property
    def ranking(self) -> tuple[Floats, Floats]:
        """Rows and positives in each segment of the ranking, best first: segments by resamples."""
        rows, positives = self.scored.segments
        return rows @ self.multiplicities, positives @ self.multiplicities

    @cached_property
    def reached(self) -> tuple[Floats, Floats]:
        """Rows and positives from the best segment to each: segments by resamples."""
        rows, positives = self.ranking
        return np.cumsum(rows, axis=0), np.cumsum(positives, axis=0)

    @cached_property
    def gaps(self) -> Floats:
        """Expected less observed positives: bins by resamples."""
        return np.asarray(self.scored.gaps @ self.multiplicities)


def resamples(groups: int, *, rounds: int, seed: int) -> Iterator[Floats]:
    """How often each of `groups` is drawn, with replacement, in each round: groups by some of the rounds."""
    chance = np.random.default_rng(seed)
    for start in range(0, rounds, _ROUNDS_AT_ONCE):
        size = min(_ROUNDS_AT_ONCE, rounds - start)
        drawn = chance.integers(groups, size=(groups, size)) * size + np.arange(size)
        counts = np.bincount(drawn.ravel(), minlength=groups * size)
        yield counts.reshape(groups, size).astype(np.float64)
