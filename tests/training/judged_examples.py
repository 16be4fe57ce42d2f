"""Rows to be judged: labels that a user's rows share, features without meaning."""

import numpy as np

from training.examples import Examples, Floats


def judged(
    labels: object,
    *,
    users: object | None = None,
    weights: object | None = None,
    values: object | None = None,
    slices: dict[str, list[str | None]] | None = None,
) -> Examples:
    """One row per label; each its own user unless told, of weight 1, without features."""
    found = np.asarray(labels, np.int64)
    rows = len(found)
    table = np.empty((rows, 0), np.float32) if values is None else np.asarray(values, np.float32)
    return Examples(
        problem="made",
        features=tuple(f"f{number}" for number in range(table.shape[1])),
        row_ids=np.arange(rows).astype(object),
        decided_at=np.arange(rows),
        groups=np.arange(rows).astype(object) if users is None else np.asarray(users, object),
        labels=found,
        weights=np.ones(rows) if weights is None else np.asarray(weights, np.float64),
        values=table,
        slices={name: np.array(texts, dtype=object) for name, texts in (slices or {}).items()},
    )


def drawn(rows: int, *, seed: int, users: int | None = None) -> tuple[Examples, Floats]:
    """Rows, about 30 % positive, with their true probabilities; `users` share them, and their luck."""
    chance = np.random.default_rng(seed)
    owners = np.arange(rows) if users is None else chance.integers(users, size=rows)
    log_odds = chance.normal(-1.2, 1.3, size=owners.max() + 1)[owners]
    log_odds = log_odds + (0 if users is None else chance.normal(0, 0.5, size=rows))
    true = 1 / (1 + np.exp(-log_odds))
    return judged(chance.random(rows) < true, users=owners), true
