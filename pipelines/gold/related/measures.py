"""How strongly two products belong together, of the visits that hold the one, the other, both, or any.

All correct for support: a pair that met once in two visits is no proof, however rare the two are.
"""

from collections.abc import Callable

from pyspark.sql import Column
from pyspark.sql import functions as F

from pipelines.gold.related.rules import Measure

Counts = tuple[Column, Column, Column, Column]
"""Visits with both, with the product at hand, with the other one, and all that hold any product."""


def score(measure: Measure, counts: Counts, *, shrinkage: float) -> Column:
    """The score of a pair, higher where they belong together more."""
    return _MEASURES[measure](counts, shrinkage)


def _cosine(counts: Counts, shrinkage: float) -> Column:
    """The cosine, both / sqrt(one other), times both / (both + shrinkage).

    That of the columns of visits of the two (Sarwar et al., Item-based collaborative filtering, 2001),
    shrunk by support as in R. Bell and Y. Koren, Scalable collaborative filtering, 2007.
    """
    both, one, other, _ = counts
    return both / F.sqrt(one * other) * _support(both, shrinkage)


def _conditional(counts: Counts, shrinkage: float) -> Column:
    """Share of the one's visits that hold the other too (Deshpande and Karypis, 2004), shrunk likewise."""
    both, one, _, _ = counts
    return both / one * _support(both, shrinkage)


def _log_likelihood(counts: Counts, _: float) -> Column:
    """T. Dunning's ratio G² (1993) of the table of both, one, other, neither.

    Below 0 where they avoid each other. Support is in it: it is a test's statistic.
    """
    both, one, other, every = counts
    cells = (both, one - both, other - both, every - one - other + both)
    entropies = [
        sum((_x_log_x(part) for part in parts), F.lit(0.0))
        for parts in (cells, (one, every - one), (other, every - other))
    ]
    ratio = F.greatest(2 * (entropies[0] - entropies[1] - entropies[2] + _x_log_x(every)), F.lit(0.0))
    return F.when(both * every < one * other, -ratio).otherwise(ratio)


def _support(both: Column, shrinkage: float) -> Column:
    return both / (both + F.lit(shrinkage))


def _x_log_x(count: Column) -> Column:
    return F.when(count > 0, count * F.log(count)).otherwise(0.0)


_MEASURES: dict[Measure, Callable[[Counts, float], Column]] = {
    "cosine": _cosine,
    "conditional": _conditional,
    "log_likelihood": _log_likelihood,
}
