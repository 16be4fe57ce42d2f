"""Folding many ranges of an array at once: sums by prefixes, extremes by doubling blocks."""

import numpy as np
import numpy.typing as npt

from pipelines.gold.features.monoids import Indices

Numbers = npt.NDArray[np.int64]
LARGEST = np.iinfo(np.int64).max


def sums(values: Numbers, low: Indices, high: Indices) -> Numbers:
    """The sum of each range; 0 of an empty one."""
    total = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=total[1:])
    return total[np.maximum(high, low)] - total[low]


def least(values: Numbers, low: Indices, high: Indices) -> Numbers:
    """The least of each range; `LARGEST` of an empty one.

    A range is two blocks whose length is a power of two. Blocks are made for one length after the other,
    so that memory stays that of the values.
    """
    found = np.full(len(low), LARGEST, np.int64)
    lengths = high - low
    if not len(values) or not (lengths > 0).any():
        return found
    exponents = np.frexp(np.maximum(lengths, 1).astype(np.float64))[1] - 1
    exponents[lengths <= 0] = -1
    order = np.argsort(exponents, kind="stable")
    bounds = np.searchsorted(exponents[order], np.arange(exponents.max() + 2))
    blocks = values
    for exponent in range(exponents.max() + 1):
        rows = order[bounds[exponent] : bounds[exponent + 1]]
        found[rows] = np.minimum(blocks[low[rows]], blocks[high[rows] - (1 << exponent)])
        half = 1 << exponent
        blocks = np.minimum(blocks[:-half], blocks[half:]) if len(blocks) > half else blocks[:0]
    return found


def spread(low: Indices, high: Indices) -> tuple[Indices, Indices]:
    """Each range row by row: the rows, and the number of the range that each is in."""
    lengths = np.maximum(high - low, 0)
    groups = np.repeat(np.arange(len(low)), lengths)
    ends = np.cumsum(lengths)
    rows = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(low - (ends - lengths), lengths)
    return rows, groups
