"""Labelled examples made here, with gaps, ties, long tails, constant and empty columns as real ones have."""

from dataclasses import replace

import numpy as np

from training.examples import Examples

FEATURES = ("views", "price", "score", "constant", "empty", "noise")


def made(rows: int = 800, *, seed: int = 0, rows_per_user: float = 3) -> Examples:
    random = np.random.default_rng(seed)
    views = random.poisson(3, rows)
    score = random.normal(size=rows).round(1)
    columns = (views, random.lognormal(10, 2, rows), score, np.full(rows, 5.0), np.full(rows, np.nan))
    values = np.column_stack([*columns, random.normal(size=rows)]).astype(np.float32)
    chance = 1 / (1 + np.exp(-(0.5 * views + 1.5 * score - 3)))
    values[random.random(values.shape) < 0.05] = np.nan
    values[:, 3] = 5
    users = random.integers(0, max(1, int(rows / rows_per_user)), rows)
    return Examples(
        problem="checkout_purchase",
        features=FEATURES,
        row_ids=np.array([f"row-{one}" for one in range(rows)], dtype=object),
        decided_at=np.arange(rows, dtype=np.int64) * 60_000_000,
        groups=np.array([f"user-{one}" for one in users], dtype=object),
        labels=(random.random(rows) < chance).astype(np.int64),
        weights=np.ones(rows),
        values=values,
    )


def each_its_own_group(examples: Examples) -> Examples:
    return replace(examples, groups=examples.row_ids)
