"""What a fitted model has learned, and how it credits one order."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.gold.attribution.apportionment import credits_by_source
from pipelines.gold.attribution.models import Credits
from pipelines.gold.attribution.models.linear import MODEL as LINEAR
from pipelines.gold.attribution.path_counts import PathCounts
from pipelines.gold.attribution.touches import Path

Floats = NDArray[np.float64]
_DIGITS = 12
_UNIT = 10**_DIGITS


@dataclass(frozen=True)
class Fit:
    """By source: its weight, the orders it earned, and their value in minor units (parts of orders: floats).

    Weights are not negative and sum to 1, or are all 0 when nothing was sold. They have 12 decimals, so
    that the last digits of another machine's arithmetic change no credit. `fit_version` is a number of
    63 bits made from the model, its parameters and the paths: the same input gives the same version.
    """

    model: str
    fit_version: int
    weights: Mapping[str, float]
    conversions: Mapping[str, float]
    value_minor: Mapping[str, float]


def fit_of(
    model: str,
    parameters: Mapping[str, object],
    counts: PathCounts,
    *,
    conversions: Floats,
    value_minor: Floats,
) -> Fit:
    """The fit that gives each of `counts.sources` so many orders and so much value.

    A source's weight is its part of the orders; one that lost orders weighs 0.
    """
    earned = np.maximum(conversions, 0.0)
    weights = np.round(earned / (earned.sum() or 1.0), _DIGITS)
    return Fit(
        model=model,
        fit_version=_version(model, parameters, counts),
        weights=_by_source(counts, weights),
        conversions=_by_source(counts, conversions),
        value_minor=_by_source(counts, value_minor),
    )


def _by_source(counts: PathCounts, column: Floats) -> dict[str, float]:
    return dict(zip(counts.sources, column.tolist(), strict=True))


def _version(model: str, parameters: Mapping[str, object], counts: PathCounts) -> int:
    digest = hashlib.blake2b(
        repr((model, sorted(parameters.items()), counts.sources)).encode(), digest_size=8
    )
    columns = (counts.codes, counts.offsets, counts.conversions, counts.non_conversions, counts.value_minor)
    for column in columns:
        digest.update(column.astype("<i8").tobytes())
    return int.from_bytes(digest.digest()) >> 1


def credit(path: Path, fit: Fit) -> Credits:
    """The order of this path spread over its distinct sources in proportion to the fit's weights.

    How often a source occurs does not count. A source that the fit does not know, or sources that all
    weigh 0, make it linear.
    """
    first_of = {touch.source: touch for touch in reversed(path.touches)}
    if not first_of.keys() <= fit.weights.keys():
        return LINEAR.credit(path)
    weights = [round(fit.weights[source] * _UNIT) for source in first_of]
    if not any(weights):
        return LINEAR.credit(path)
    return credits_by_source(list(first_of.values()), weights)
