"""Intervals of metrics by a bootstrap of users: B. Efron, R. Tibshirani, An Introduction to the Bootstrap."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from training.evaluation.metrics import METRICS, Metric
from training.evaluation.scored import Scored, Sums, resamples
from training.examples import Floats

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A value and the limits between which it lies, in 95 of 100 samples. Not a number where undefined."""

    value: float
    low: float
    high: float

    def as_data(self) -> dict[str, float | None]:
        """As JSON has it: null where undefined."""
        return {name: number if math.isfinite(number) else None for name, number in vars(self).items()}


def intervals(
    scored: Scored, *, rounds: int, seed: int, metrics: Iterable[Metric] = tuple(METRICS.values())
) -> Mapping[str, Interval]:
    """Each metric with its interval over `rounds` resamples of groups; the same for the same seed."""
    wanted = tuple(metrics)
    whole = Sums(scored, np.ones((scored.groups, 1)))
    parts: dict[str, list[Floats]] = {one.name: [] for one in wanted}
    for multiplicities in resamples(scored.groups, rounds=rounds, seed=seed):
        sums = Sums(scored, multiplicities)
        for one in wanted:
            parts[one.name].append(one.resampled(sums))
    return {
        one.name: limits(float(one.resampled(whole)[0]), np.concatenate(parts[one.name]), noisy=one.noisy)
        for one in wanted
    }


def limits(value: float, resampled: Floats, *, noisy: bool = False, level: float = LEVEL) -> Interval:
    """The interval of a value from its resamples; those in which it is undefined are left out.

    Percentiles of the resamples; where chance alone moves the value to one side (`noisy`: an error that is
    never below 0), the basic interval, which takes that move back, no lower than 0.
    """
    known = resampled[np.isfinite(resampled)]
    if not math.isfinite(value) or not known.size:
        return Interval(value, math.nan, math.nan)
    low, high = (float(one) for one in np.quantile(known, [(1 - level) / 2, (1 + level) / 2]))
    if noisy:
        low, high = max(2 * value - high, 0.0), max(2 * value - low, 0.0)
    return Interval(value, low, high)
