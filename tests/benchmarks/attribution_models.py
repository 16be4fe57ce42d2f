"""How long the fitted models take on a million paths, counting included.

    python -m tests.benchmarks.attribution_models

Paths are drawn at random with a seed: 20 sources of unequal share, lengths geometric with mean 4.5 cut at
60, one touch in twenty repeats the one before, orders are likelier after some sources. The last line
is one JSON object: seconds of each model from Arrow columns to weights, and of what one would write
without this project, on the same machine right after:

- `plain_markov_s`: all paths once through Python's dictionaries, then one inverse per source removed;
- `plain_shapley_s`: the game of rates by all coalitions of each observed set, the way of the package
  marketing-attribution-models, on the first `shapley_sample` paths only, since its work doubles with
  every source of a set; ours on the same paths is `shapley_rate_sample_s`. Nothing is extrapolated.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from itertools import combinations, pairwise
from math import factorial
from typing import TypeVar

import numpy as np
import pyarrow as pa

from pipelines.gold.attribution.fits import Fit
from pipelines.gold.attribution.fitted import FittedModel
from pipelines.gold.attribution.fitted.markov import markov
from pipelines.gold.attribution.fitted.shapley import shapley
from pipelines.gold.attribution.path_counts import path_counts

SHAPLEY_SAMPLE = 100_000
T = TypeVar("T")


def random_paths(*, paths: int, sources: int, seed: int) -> pa.Table:
    """Columns `path` (list of sources), `conversions`, `non_conversions`, `value_minor`."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(np.minimum(rng.geometric(1 / 4.5, paths), 60))])
    popularity = 1 / np.arange(1, sources + 1)
    codes = rng.choice(sources, offsets[-1], p=popularity / popularity.sum())
    again = np.flatnonzero(rng.random(len(codes) - 1) < 0.05) + 1
    codes[again] = codes[again - 1]
    liking = rng.uniform(0.005, 0.04, sources)
    chance = np.add.reduceat(liking[codes], offsets[:-1]).clip(0, 0.6)
    sold = (rng.random(paths) < chance).astype(np.int64)
    names = pa.array([f"source_{index:02}" for index in range(sources)])
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), names.take(pa.array(codes)))
    value = sold * rng.integers(500, 20_000, paths)
    return pa.table({"path": lists, "conversions": sold, "non_conversions": 1 - sold, "value_minor": value})


def seconds_of(model: FittedModel, table: pa.Table) -> tuple[float, Fit]:
    """Seconds from Arrow columns to the fit, and the fit."""
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    paths = columns.pop("path")
    return timed(lambda: model.fit(path_counts(paths, **columns)))


def timed(work: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def plain_markov(paths: list[list[str]], sold: list[int]) -> dict[str, float]:
    """Weights by source, order 1."""
    moves: Counter[tuple[str, str]] = Counter()
    for path, converts in zip(paths, sold, strict=True):
        moves.update(pairwise(["(start)", *path, "(conversion)" if converts else "(null)"]))
    sources = sorted({here for here, _ in moves} - {"(start)"})
    everyone = _conversion(moves, ["(start)", *sources])
    effects = {
        source: 1
        - _conversion(moves, ["(start)", *(other for other in sources if other != source)]) / everyone
        for source in sources
    }
    return {source: effect / sum(effects.values()) for source, effect in effects.items()}


def _conversion(moves: Counter[tuple[str, str]], states: list[str]) -> float:
    index = {state: place for place, state in enumerate(states)}
    left: Counter[str] = Counter()
    for (here, _), count in moves.items():
        left[here] += count
    onward, converts = np.zeros((len(states), len(states))), np.zeros(len(states))
    for (here, there), count in moves.items():
        if here in index and there in index:
            onward[index[here], index[there]] = count / left[here]
        elif here in index and there == "(conversion)":
            converts[index[here]] = count / left[here]
    return float((np.linalg.inv(np.eye(len(states)) - onward) @ converts)[0])


def plain_shapley(paths: list[list[str]], sold: list[int]) -> dict[str, float]:
    """Orders by source in the game of rates."""
    seen: Counter[tuple[str, ...]] = Counter()
    orders: Counter[tuple[str, ...]] = Counter()
    for path, converts in zip(paths, sold, strict=True):
        members = tuple(sorted(set(path)))
        seen[members] += 1
        orders[members] += converts
    earned: Counter[str] = Counter()
    for members, count in orders.items():
        if count:
            _share(members, seen[members], earned, orders=orders, seen=seen)
    return dict(earned)


def _share(members, scale, earned, *, orders, seen) -> None:
    n = len(members)
    for size in range(1, n + 1):
        for coalition in combinations(members, size):
            if count := orders.get(coalition):
                worth = count / seen[coalition] * scale
                for player in members:
                    if player in coalition:
                        earned[player] += worth * factorial(size - 1) * factorial(n - size) / factorial(n)
                    else:
                        earned[player] -= worth * factorial(size) * factorial(n - size - 1) / factorial(n)


def measure(*, paths: int = 1_000_000, sources: int = 20, seed: int = 7) -> dict[str, float]:
    """Seconds and ratios; fails when ours and the plain way differ."""
    table = random_paths(paths=paths, sources=sources, seed=seed)
    figures: dict[str, float] = {"paths": paths, "sources": sources}
    figures["markov_s"], fit = seconds_of(markov(), table)
    figures["markov_order_2_s"], _ = seconds_of(markov(order=2), table)
    figures["markov_order_3_s"], _ = seconds_of(markov(order=3), table)
    figures["shapley_s"], _ = seconds_of(shapley(), table)
    figures["shapley_rate_s"], _ = seconds_of(shapley(game="rate"), table)
    lists, sold = table["path"].to_pylist(), table["conversions"].to_pylist()
    figures["plain_markov_s"], weights = timed(lambda: plain_markov(lists, sold))
    assert all(abs(weights[source] - weight) < 1e-9 for source, weight in fit.weights.items())
    sample = min(SHAPLEY_SAMPLE, paths)
    figures["shapley_sample"] = sample
    figures["shapley_rate_sample_s"], fit = seconds_of(shapley(game="rate"), table.slice(0, sample))
    figures["plain_shapley_s"], earned = timed(lambda: plain_shapley(lists[:sample], sold[:sample]))
    assert all(abs(earned[source] - count) < 1e-6 for source, count in fit.conversions.items())
    figures["markov_ratio"] = figures["plain_markov_s"] / figures["markov_s"]
    figures["shapley_ratio"] = figures["plain_shapley_s"] / figures["shapley_rate_sample_s"]
    return {name: round(figure, 3) for name, figure in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", type=int, default=1_000_000)
    print(json.dumps(measure(paths=parser.parse_args().paths)))  # noqa: T201


if __name__ == "__main__":
    main()
