"""Shapley values of one prediction against a baseline row, for any model, in one batched call.

The players are features; a coalition is worth the probability of the row whose other features are the
baseline's (L. Shapley, 1953; baseline Shapley of M. Sundararajan, A. Najmi, The many Shapley values for
model explanation, 2020). A feature that equals the baseline's contributes exactly 0 and does not play. Few
players: all coalitions. More: the mean of what each adds over random orders (J. Castro, D. Gómez, J. Tejada,
2009), each order with its reverse, which cancels much of the noise (R. Mitchell, J. Cooper, E. Frank,
G. Holmes, Sampling Permutations for Shapley Value Estimation, 2022). Each order's additions add up to the
whole difference, so the contributions do, too.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.explaining.explanation import Contribution, Explanation

Rows = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Masks = npt.NDArray[np.bool_]
Probabilities = Callable[[Rows], Floats]

_MOST_EXACT = 9
"""Players whose 2^k coalitions are all asked; 64 orders of 10 would ask more than half as many rows."""


def explain(
    model_probabilities: Probabilities,
    names: Sequence[str],
    row: Rows,
    baseline: Rows,
    *,
    seed: str,
    permutations: int = 64,
) -> Explanation:
    """What each feature contributed. `names`: `<set>__<feature>`; `row`, `baseline`: their values, one each.

    The same for the same `seed`. NaN is a feature without value. `permutations`: rounded up to even, 4 or
    more; that many times the features that differ, less one, are the rows the model is asked for.
    """
    row, baseline = np.asarray(row, np.float32), np.asarray(baseline, np.float32)
    players = np.flatnonzero(~((row == baseline) | (np.isnan(row) & np.isnan(baseline))))
    number = len(players)
    if number <= _MOST_EXACT:
        masks, orders = _all_coalitions(number), None
    else:
        orders = _orders(number, pairs=max(2, math.ceil(permutations / 2)), seed=seed)
        masks = _prefixes(orders)
    rows = np.tile(baseline, (len(masks), 1))
    rows[:, players] = np.where(masks, row[players], baseline[players])
    worth = np.asarray(model_probabilities(rows), np.float64)
    samples = np.zeros((1 if orders is None else len(orders) // 2, len(row)))
    samples[:, players] = _exact(worth, number) if orders is None else _sampled(worth, orders)
    return Explanation(
        probability=float(worth[-1]),
        baseline_probability=float(worth[0]),
        features=_features(names, samples, row=row, baseline=baseline),
        sets=_sets(names, samples),
        permutations=0 if orders is None else len(orders),
    )


def _all_coalitions(number: int) -> Masks:
    """Row c: the players whose bit is set in c; the empty one first, the whole one last."""
    coalitions = np.arange(1 << number)
    return (coalitions[:, None] >> np.arange(number) & 1).astype(np.bool_)


def _exact(worth: Floats, number: int) -> Floats:
    """Each player's additions over all coalitions without it, weighted by s! (n - s - 1)! / n!."""
    coalitions = np.arange(len(worth))
    sizes = np.bitwise_count(coalitions)
    weights = np.array([1 / (number * math.comb(number - 1, size)) for size in range(number)])
    found = np.zeros((1, number))
    for player in range(number):
        without = coalitions[(coalitions >> player & 1) == 0]
        found[0, player] = weights[sizes[without]] @ (worth[without | 1 << player] - worth[without])
    return found


def _orders(number: int, *, pairs: int, seed: str) -> npt.NDArray[np.int64]:
    """Random orders of the players, then each one's reverse."""
    chance = np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:16]))
    one = chance.permuted(np.tile(np.arange(number), (pairs, 1)), axis=1)
    return np.concatenate([one, one[:, ::-1]])


def _prefixes(orders: npt.NDArray[np.int64]) -> Masks:
    """The empty coalition; of each order its first 1, 2, ... players, without the last; the whole one."""
    number = orders.shape[1]
    places = np.argsort(orders, axis=1)
    inner = places[:, None, :] < np.arange(1, number)[None, :, None]
    ends = np.zeros((1, number), np.bool_)
    return np.concatenate([ends, inner.reshape(-1, number), ~ends])


def _sampled(worth: Floats, orders: npt.NDArray[np.int64]) -> Floats:
    """What each player added, as the mean of an order and its reverse, pair by pair."""
    count, number = orders.shape
    inner = worth[1:-1].reshape(count, number - 1)
    ends = np.ones((count, 1))
    added = np.diff(np.concatenate([worth[0] * ends, inner, worth[-1] * ends], axis=1), axis=1)
    found = np.empty_like(added)
    np.put_along_axis(found, orders, added, axis=1)
    return (found[: count // 2] + found[count // 2 :]) / 2


def _features(
    names: Sequence[str], samples: Floats, *, row: Rows, baseline: Rows
) -> tuple[Contribution, ...]:
    means, errors = samples.mean(axis=0), _errors(samples)
    found = [
        Contribution(name, float(mean), float(error), _number(value), _number(base))
        for name, mean, error, value, base in zip(names, means, errors, row, baseline, strict=True)
    ]
    return _greatest_first(found)


def _sets(names: Sequence[str], samples: Floats) -> tuple[Contribution, ...]:
    """Sums of each set's features; their errors go with each other, so the sums' own are estimated."""
    found = []
    sets = np.array([name.partition("__")[0] for name in names])
    for name in dict.fromkeys(sets.tolist()):
        sums = samples[:, sets == name].sum(axis=1, keepdims=True)
        found.append(Contribution(name, float(sums.mean()), float(_errors(sums)[0])))
    return _greatest_first(found)


def _errors(samples: Floats) -> Floats:
    """Standard errors of the means over pairs of orders; 0 where there is one sample, the exact value."""
    if len(samples) == 1:
        return np.zeros(samples.shape[1])
    errors: Floats = samples.std(axis=0, ddof=1) / math.sqrt(len(samples))
    return errors


def _greatest_first(found: list[Contribution]) -> tuple[Contribution, ...]:
    return tuple(sorted(found, key=lambda one: (-abs(one.contribution), one.name)))


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
