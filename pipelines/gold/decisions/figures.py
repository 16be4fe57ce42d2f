"""Figures of decisions: by minute, latencies as mergeable histograms, and models by blocks of decisions."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sklearn.metrics import average_precision_score

from pipelines.contracts.clock import minute_of
from pipelines.contracts.histogram import Histogram

Floats = npt.NDArray[np.float64]
MEASURES = {"ingested": "ingested_micros", "published": "published_micros"}
"""What a latency is measured from → the column of it."""
BY_MINUTE = ("problem", "model_version", "action", "is_holdout", "stale", "occurred_at", *MEASURES.values())
JUDGED = ("model_version", "probability", "shadows", "label", "weight")
NO_MODEL = 0
"""The version of decisions that no model made."""
BINS = 10
_MICROS_PER_MILLI = 1_000
_NOT_STALE = (None, "", "[]")


class Minute(NamedTuple):
    """Decisions of a minute (UTC microseconds), a problem, a model's version and an action."""

    minute: int
    problem: str
    model_version: int
    action: str
    decisions: int
    held_out: int
    stale: int


class Latency(NamedTuple):
    """Decisions of a minute and a problem that took up to `bound_ms`, and longer than the bound before it."""

    minute: int
    problem: str
    measure: str
    bound_ms: int
    decisions: int


class Score(NamedTuple):
    """How well a version's probabilities fit what came, in a block of decisions; rows by their weight.

    `expected`: mean probability, `observed`: share of positives. `average_precision` is None without both
    outcomes.
    """

    model_version: int
    is_champion: bool
    judged: int
    positives: int
    accuracy: float
    average_precision: float | None
    calibration_error: float
    expected: float
    observed: float


def minutes(rows: pa.Table) -> list[Minute]:
    """Rows of `BY_MINUTE`, `occurred_at` in UTC microseconds, counted."""
    found: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows.to_pylist():
        version = row["model_version"] or NO_MODEL
        counts = found[minute_of(row["occurred_at"]), row["problem"], version, row["action"]]
        for number, more in enumerate((True, row["is_holdout"], row["stale"] not in _NOT_STALE)):
            counts[number] += bool(more)
    return [Minute(*key, *counts) for key, counts in sorted(found.items())]


def latencies(rows: pa.Table) -> list[Latency]:
    """The latencies that are known, in the buckets of `Histogram`."""
    found: defaultdict[tuple[int, str, str], Counter[int]] = defaultdict(Counter)
    for row in rows.to_pylist():
        for measure, column in MEASURES.items():
            if row[column] is not None:
                millis = -(-row[column] // _MICROS_PER_MILLI)
                found[minute_of(row["occurred_at"]), row["problem"], measure][millis] += 1
    return [
        Latency(*key, bound, count)
        for key, durations in sorted(found.items())
        for bound, count in sorted(Histogram.of(durations.items()).counts.items())
    ]


def scores(rows: pa.Table, *, threshold: float) -> list[Score]:
    """Every version that spoke in the block's rows of `JUDGED`: those that decided, and the shadows.

    Each is judged by the rows that it spoke of, of those whose outcome is known and not moved by an action.
    """
    said: defaultdict[tuple[bool, int], list[tuple[float, int, float]]] = defaultdict(list)
    for row in rows.to_pylist():
        if row["label"] is not None and row["weight"] > 0:
            for is_champion, version, probability in _spoken(row):
                said[is_champion, version].append((probability, row["label"], row["weight"]))
    return [
        _score(version, is_champion, np.array(those), threshold)
        for (is_champion, version), those in sorted(said.items(), reverse=True)
    ]


def _spoken(row: dict[str, Any]) -> Iterator[tuple[bool, int, float]]:
    if row["probability"] is not None and row["model_version"] is not None:
        yield True, row["model_version"], row["probability"]
    for one in msgspec.json.decode(row["shadows"] or "[]"):
        if one.get("probability") is not None:
            yield False, one["version"], one["probability"]


def _score(version: int, is_champion: bool, said: Floats, threshold: float) -> Score:
    chances, labels, weights = said.T
    both = 0 < labels.sum() < len(labels)
    return Score(
        version,
        is_champion,
        len(labels),
        int(labels.sum()),
        float(np.average((chances >= threshold) == (labels == 1), weights=weights)),
        float(average_precision_score(labels, chances, sample_weight=weights)) if both else None,
        calibration_error(chances, labels, weights),
        float(np.average(chances, weights=weights)),
        float(np.average(labels, weights=weights)),
    )


def calibration_error(chances: Floats, labels: Floats, weights: Floats) -> float:
    """Mean over `BINS` bins of equal weight of |mean probability - share of positives|, as contests have it.

    Equal probabilities share a bin: the one in which their middle lies.
    """
    values, runs = np.unique(-chances, return_inverse=True)
    of_run = np.bincount(runs, weights, len(values))
    middles = (np.cumsum(of_run) - of_run / 2) / of_run.sum()
    bins = np.minimum((middles * BINS).astype(np.intp), BINS - 1)[runs]
    gaps = np.bincount(bins, weights * (chances - labels), BINS)
    return float(np.abs(gaps).sum() / weights.sum())


def cuts(times: Sequence[int], *, size: int) -> list[int]:
    """When blocks of so many decisions end, excluded, in order; those that are left have no block yet."""
    ordered = np.sort(np.asarray(times, np.int64))
    found: list[int] = []
    first = 0
    while first + size <= len(ordered):
        # All decisions of one microsecond share a block.
        end = int(ordered[first + size - 1]) + 1
        found.append(end)
        first = int(np.searchsorted(ordered, end))
    return found
