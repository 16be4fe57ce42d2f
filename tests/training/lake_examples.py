"""Labelled examples in a lake, as `build_examples` would leave them, without Spark."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

from pipelines.connectors.delta import ensure_without_spark
from pipelines.connectors.names import Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.labels import LABELLED_EXAMPLES
from pipelines.gold.problem_features import feature_names
from pipelines.gold.problems.problem import Problem

START = datetime(2026, 11, 20, tzinfo=UTC)
FEATURES = 4


def add_examples(names: Names, problem: Problem, *, first: int, count: int, shift: float = 0.0) -> None:
    """Decisions a minute each from `first` on; `shift` moves the features that tell the outcome."""
    random = np.random.default_rng(first)
    known = feature_names(problem)[:FEATURES]
    rows = []
    for number in range(first, first + count):
        values = random.normal(size=FEATURES) + shift
        chance = 1 / (1 + np.exp(-(1.6 * values[0] + values[1] - 0.8)))
        rows.append(_row(problem, number, dict(zip(known, values.tolist(), strict=True)), chance, random))
    path = names.table(LABELLED_EXAMPLES.name)
    ensure_without_spark(LABELLED_EXAMPLES, path)
    write_deltalake(path, pa.Table.from_pylist(rows, schema=arrow_schema(LABELLED_EXAMPLES)), mode="append")


def _row(problem, number, features, chance, random):
    decided_at = START + timedelta(minutes=number)
    return {
        "problem": problem.name,
        "problem_version": problem.version,
        "row_id": f"e{number:06d}",
        "visitor_id": f"v{number}",
        "decided_at": decided_at,
        "known_at": decided_at,
        "topic": "clicks",
        "partition": 0,
        "offset": number,
        "horizon_seconds": problem.horizon_seconds,
        "slices": {"device_class": "mobile" if number % 2 else "desktop"},
        "label": int(random.random() < chance),
        "clock": "known",
        "set_versions": dict.fromkeys(problem.sets, 1),
        "features": features,
        "texts": {},
    }
