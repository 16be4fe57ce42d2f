"""Shapley value: each source's fair part of what sets of sources earn together.

Only the set of a path's sources counts, not their order or number. Two games:

- `conversions` (default): a coalition S is worth the orders of all paths whose sources lie in S. This is
  a sum of unanimity games, one for each observed set T, so the value has a closed form, exact for any
  number of sources: every order of T goes to T's sources in equal parts. Source: Zhao, Mahboobi,
  Bagheri, "Shapley value methods for attribution modeling in online advertising", 2018. It is the
  default because it needs no rates of rarely seen sets, is never negative and adds up to the orders.
- `rate`: for the orders of each set T, a coalition S within T is worth the conversion rate of the paths
  whose sources are exactly S, 0 when nobody had these; the parts are scaled to T's orders. Paths without
  an order count. A source whose presence goes with fewer orders gets a negative part.
"""

from math import factorial
from typing import Literal, get_args

import numpy as np
from scipy import sparse

from pipelines.errors import SettingsError
from pipelines.gold.attribution.fits import Fit, Floats, fit_of
from pipelines.gold.attribution.fitted import FittedModel
from pipelines.gold.attribution.path_counts import Ints, PathCounts

Game = Literal["conversions", "rate"]
MOST_SOURCES_OF_RATES = 22
"""The game of rates keeps one number for each of 2^sources coalitions."""


def shapley(*, game: Game = "conversions") -> FittedModel:
    """The model of one of the two games. SettingsError: there is no such game."""
    if game not in get_args(Game):
        raise SettingsError(f"Shapley has the games {' and '.join(get_args(Game))}, not {game}.")
    parameters = {"game": game}

    def fit(counts: PathCounts) -> Fit:
        conversions, value_minor = (_conversions if game == "conversions" else _rates)(counts)
        return fit_of("shapley", parameters, counts, conversions=conversions, value_minor=value_minor)

    return FittedModel(name="shapley", title="Shapley value", parameters=parameters, fit=fit)


def _conversions(counts: PathCounts) -> tuple[Floats, Floats]:
    """Orders and value of each source: each path's, in equal parts to its distinct sources."""
    has = sparse.csr_matrix(
        (np.ones(len(counts.codes)), counts.codes, counts.offsets), shape=(len(counts), len(counts.sources))
    )
    has.sum_duplicates()
    has.data[:] = 1.0
    distinct = np.diff(has.indptr)
    return has.T @ (counts.conversions / distinct), has.T @ (counts.value_minor / distinct)


def _rates(counts: PathCounts) -> tuple[Floats, Floats]:
    """Orders and value of each source. SettingsError: more sources than the game can be exact for."""
    sources = len(counts.sources)
    if sources > MOST_SOURCES_OF_RATES:
        raise SettingsError(
            f"Shapley's game of rates is exact up to {MOST_SOURCES_OF_RATES} sources, and the paths have "
            f"{sources}: group rare sources, or play the game of conversions."
        )
    if not len(counts):
        return np.zeros(0), np.zeros(0)
    sets = np.bitwise_or.reduceat(np.int64(1) << counts.codes, counts.offsets[:-1])
    every = 1 << sources
    orders = np.bincount(sets, counts.conversions.astype(np.float64), every)
    people = orders + np.bincount(sets, counts.non_conversions, every)
    rate = orders / np.maximum(people, 1)
    selling = np.flatnonzero(orders)
    share = _shares_of_sets(rate, selling, sources) / rate[selling][:, None]
    value = np.bincount(sets, counts.value_minor, every)
    return orders[selling] @ share, value[selling] @ share


def _shares_of_sets(rate: Floats, sets: Ints, sources: int) -> Floats:
    """Shapley value of each source in the game within each set; rows sum to the set's own rate.

    The value of i in T sums, over S within T, rate(S) x (s-1)! (t-s)! / t! if S has i, else
    -rate(S) x s! (t-s-1)! / t!. Both weights hang on sizes only: so one sum over subsets for each size s
    (`_sums_over_subsets`), read at T and at T without i, gives the values of all sets at once.
    """
    size_of = _sizes(sources)
    sizes = size_of[sets]
    values = np.zeros((len(sets), sources))
    for s in range(1, sources + 1):
        sums = _sums_over_subsets(np.where(size_of == s, rate, 0.0), sources)
        if not sums[-1]:
            continue
        with_i, without_i = _weights(s, sources)
        for i in range(sources):
            inside = np.flatnonzero((sets >> i) & 1)
            lacking = sums[sets[inside] ^ (1 << i)]
            t = sizes[inside]
            values[inside, i] += with_i[t] * (sums[sets[inside]] - lacking) - without_i[t] * lacking
    return values


def _sizes(sources: int) -> Ints:
    """Members of each coalition, by its bits."""
    sizes = np.zeros(1, dtype=np.int64)
    for _ in range(sources):
        sizes = np.concatenate([sizes, sizes + 1])
    return sizes


def _sums_over_subsets(worth: Floats, sources: int) -> Floats:
    """For each coalition the sum over all its subsets (the zeta transform)."""
    sums = worth.copy()
    for i in range(sources):
        halves = sums.reshape(-1, 2, 1 << i)
        halves[:, 1, :] += halves[:, 0, :]
    return sums


def _weights(s: int, sources: int) -> tuple[Floats, Floats]:
    """By size t of the set: the weight of a subset of size s with the source, and of one without."""
    with_i = [
        factorial(s - 1) * factorial(t - s) / factorial(t) if t >= s else 0.0 for t in range(sources + 1)
    ]
    without_i = [
        factorial(s) * factorial(t - s - 1) / factorial(t) if t > s else 0.0 for t in range(sources + 1)
    ]
    return np.array(with_i), np.array(without_i)


MODEL = shapley()
