"""Histograms of durations in milliseconds, over one fixed series of buckets.

Bounds grow by 4 %, so a percentile is never below the true one and at most 4 % (or, for short
durations, 1 ms) above it. All histograms share the bounds: merging is adding, in any order. They are
stored as `{upper bound: count}` with empty buckets left out, beside the exact sum.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

GROWTH_PERCENT = 4
_ROUNDING = 1e-9
LONGEST_MS = 366 * 86_400 * 1_000


def _bounds() -> tuple[int, ...]:
    bounds = [0]
    while bounds[-1] < LONGEST_MS:
        bounds.append(max(bounds[-1] + 1, bounds[-1] * (100 + GROWTH_PERCENT) // 100))
    return tuple(bounds)


BOUNDS_MS = _bounds()
"""Inclusive upper bounds. A longer duration counts in the last bucket, a negative one as 0."""


@dataclass(frozen=True)
class Histogram:
    """How many durations lie in each bucket, and their exact sum in milliseconds."""

    counts: Mapping[int, int]
    total_ms: int = 0

    @classmethod
    def of(cls, durations: Iterable[tuple[int, int]]) -> "Histogram":
        """The histogram of (duration in ms, how often) pairs."""
        counts: Counter[int] = Counter()
        total = 0
        for duration, times in durations:
            clipped = min(max(duration, 0), LONGEST_MS)
            if times > 0:
                counts[BOUNDS_MS[bisect_left(BOUNDS_MS, clipped)]] += times
                total += clipped * times
        return cls(dict(counts), total)

    def merge(self, other: "Histogram") -> "Histogram":
        """Both together."""
        return Histogram(dict(Counter(self.counts) + Counter(other.counts)), self.total_ms + other.total_ms)

    @property
    def count(self) -> int:
        """How many durations."""
        return sum(self.counts.values())

    @property
    def mean(self) -> float | None:
        """The exact mean in milliseconds; none of an empty histogram."""
        return self.total_ms / self.count if self.counts else None


def percentile(histogram: Histogram, share: float) -> int | None:
    """Milliseconds that at least `share` (0..1) of the durations do not exceed; none when empty.

    The upper bound of the bucket of the nearest-rank percentile.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"A share lies in 0..1, not {share}.")
    rank = max(1, math.ceil(histogram.count * share - _ROUNDING))
    seen = 0
    for bound in sorted(histogram.counts):
        seen += histogram.counts[bound]
        if seen >= rank:
            return bound
    return None
