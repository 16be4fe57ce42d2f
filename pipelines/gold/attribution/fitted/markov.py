"""Markov removal effect: how many orders would be lost if a source were not there.

Source: Anderl, Becker, von Wangenheim, Schumann, "Mapping the customer journey", International Journal
of Research in Marketing 33 (2016). A path is a walk start → states → conversion or null; the state after
a touch is the sources of the last `order` touches (fewer at the beginning of a path), and transitions
have the probabilities observed. Removing a source turns each state that names it into null.

    removal effect = 1 - P(conversion without the source) / P(conversion)
    weight         = removal effect / sum of all removal effects
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pipelines.errors import SettingsError
from pipelines.gold.attribution.fits import Fit, Floats, fit_of
from pipelines.gold.attribution.fitted import FittedModel
from pipelines.gold.attribution.path_counts import Ints, PathCounts

DENSE_STATES = 2_500
"""Up to so many states one inverse gives all effects in about a second; beyond, walks are summed."""
_STILL_WALKING = 1e-13


@dataclass(frozen=True)
class Chain:
    """An absorbing chain. State 0 is the start; `steps[i, j]` and `converts[i]` are probabilities.

    `windows`: one row a state, the codes + 1 of its touches, newest first, 0 where there is none.
    """

    steps: sparse.csr_matrix
    converts: Floats
    windows: Ints


def chain_of(counts: PathCounts, *, order: int) -> Chain:
    """The chain of these paths, with the states that were observed only."""
    state, windows = _states(counts, order=order)
    walks = counts.conversions + counts.non_conversions
    first, last = counts.offsets[:-1], counts.offsets[1:] - 1
    before = np.empty_like(state)
    before[1:] = state[:-1]
    before[first] = 0
    weight = walks[counts.path_of_touch].astype(np.float64)
    size = len(windows)
    left = np.bincount(before, weight, size) + np.bincount(state[last], walks, size)
    left[left == 0] = 1
    steps = sparse.csr_matrix((weight / left[before], (before, state)), shape=(size, size))
    return Chain(steps, np.bincount(state[last], counts.conversions, size) / left, windows)


def _states(counts: PathCounts, *, order: int) -> tuple[Ints, Ints]:
    """Each touch's state, from 1 on, and the states' windows."""
    base = len(counts.sources) + 1
    place = np.arange(len(counts.codes)) - np.repeat(counts.offsets[:-1], counts.lengths)
    state = counts.codes
    window = [counts.codes + 1]
    for back in range(1, min(order, int(counts.lengths.max()))):
        older = np.where(place >= back, np.roll(counts.codes, back) + 1, 0)
        _, state = np.unique(state * base + older, return_inverse=True)
        window.append(older)
    _, example, state = np.unique(state, return_index=True, return_inverse=True)
    windows = np.stack([column[example] for column in window], axis=1)
    return state + 1, np.vstack([np.zeros_like(windows[:1]), windows])


def removal_effects(chain: Chain, sources: int) -> Floats:
    """Share of all conversions that each source's removal would cost; all 0 when there are none."""
    named = [(chain.windows == code + 1).any(axis=1) for code in range(sources)]
    effects = _by_inverse if len(chain.windows) <= DENSE_STATES else _by_walks
    clipped: Floats = np.clip(effects(chain, named), 0.0, 1.0)
    return clipped


def _by_inverse(chain: Chain, named: list[NDArray[np.bool_]]) -> Floats:
    """From visits = (I - Q)^-1: first hits of the removed states solve hits x visits[A, A] = visits[0, A]."""
    visits = np.linalg.inv(np.eye(len(chain.windows)) - chain.steps.toarray())
    converts = visits @ chain.converts
    if not converts[0]:
        return np.zeros(len(named))
    lost = []
    for removed in named:
        hits = np.linalg.solve(visits[np.ix_(removed, removed)].T, visits[0, removed])
        lost.append(hits @ converts[removed])
    return np.array(lost, dtype=np.float64) / float(converts[0])


def _by_walks(chain: Chain, named: list[NDArray[np.bool_]]) -> Floats:
    """From the series start (I + Q + Q^2 + ...) of those who avoid the source, summed to the end."""
    everyone = _converting(chain, np.ones(len(chain.windows), dtype=bool))
    if not everyone:
        return np.zeros(len(named))
    return np.array([1 - _converting(chain, ~removed) / everyone for removed in named])


def _converting(chain: Chain, kept: NDArray[np.bool_]) -> float:
    """P(conversion) by kept states only, too small by less than 1e-13: what still walks then is left out."""
    onward = chain.steps[kept][:, kept].T.tocsr()
    converts = chain.converts[kept]
    walking = np.zeros(len(converts))
    walking[0] = 1.0
    converted = 0.0
    while walking.sum() > _STILL_WALKING:
        converted += float(walking @ converts)
        walking = onward @ walking
    return converted


def markov(*, order: int = 1) -> FittedModel:
    """The model whose states are the last `order` touches. SettingsError: `order` is less than 1."""
    if order < 1:
        raise SettingsError(f"A Markov model has an order of 1 or more, not {order}.")
    parameters = {"order": order}

    def fit(counts: PathCounts) -> Fit:
        effects = np.zeros(len(counts.sources))
        if len(counts):
            effects = removal_effects(chain_of(counts, order=order), len(counts.sources))
        weights = effects / (effects.sum() or 1.0)
        conversions = weights * counts.conversions.sum()
        value_minor = weights * counts.value_minor.sum()
        return fit_of("markov", parameters, counts, conversions=conversions, value_minor=value_minor)

    return FittedModel(name="markov", title="Markov removal effect", parameters=parameters, fit=fit)


MODEL = markov()
