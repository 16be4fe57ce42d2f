"""The labelled examples of a problem as arrays, read from one version of the lake's table."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.connectors.names import Names
from pipelines.gold.problem_features import feature_names
from pipelines.gold.problems.problem import Problem
from pipelines.runtime.labels.reading import read_examples
from training.examples import Examples, Texts, Values


@dataclass(frozen=True)
class Dataset:
    """Examples, and the version of `gold.labelled_examples` that gives them again bit for bit."""

    examples: Examples
    version: int


def read_dataset(
    names: Names,
    problem: Problem,
    *,
    version: int | None = None,
    since: int | None = None,
    until: int | None = None,
) -> Dataset:
    """Decisions from `since` (included) to `until` (not), UTC microseconds; the newest version unless said.

    The columns are all features that a model of the problem may look at, in the order of its sets; a feature
    that no row has is a column without values. Raises `LakeError` when there are no examples.
    """
    read = read_examples(names, problem, version=version, since=since, until=until)
    features = feature_names(problem)
    rows = read.rows
    examples = Examples(
        problem=problem.name,
        features=features,
        row_ids=_texts(rows["row_id"]),
        decided_at=rows["decided_at"].to_numpy(),
        groups=_texts(rows["group"]),
        labels=rows["label"].to_numpy(),
        weights=rows["weight"].to_numpy(),
        values=_values(read.features, features, count=rows.num_rows),
        slices={name: _texts(read.slices[name]) for name in problem.slices},
    )
    return Dataset(examples, read.version)


def _values(read: pa.Table, features: tuple[str, ...], *, count: int) -> Values:
    found = np.full((count, len(features)), np.nan, np.float32)
    for number, name in enumerate(features):
        if name in read.column_names:
            found[:, number] = read[name].to_numpy()
    return found


def _texts(column: pa.ChunkedArray) -> Texts:
    return np.array(column.to_pylist(), dtype=object)
