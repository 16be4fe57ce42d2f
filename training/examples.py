"""Labelled examples as arrays: what models are fitted on and judged by."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Values = npt.NDArray[np.float32]
"""Rows by features, NaN where a feature has no value. Single precision, as the served model takes it."""
Integers = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Examples:
    """One row per decision, in their order (decided_at, row_id). Times are UTC microseconds.

    `labels`: 1 where the outcome came. `groups`: the user, or the visitor where no user is known; rows of
    one group are never taken for independent. `weights`: 1 unless a row stands for more or less than
    itself. `slices`: texts by which a model is judged, too; None where unknown.
    """

    problem: str
    features: tuple[str, ...]
    row_ids: Texts
    decided_at: Integers
    groups: Texts
    labels: Integers
    weights: Floats
    values: Values
    slices: Mapping[str, Texts] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.row_ids)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> "Examples":
        """These rows."""
        return replace(
            self,
            row_ids=self.row_ids[rows],
            decided_at=self.decided_at[rows],
            groups=self.groups[rows],
            labels=self.labels[rows],
            weights=self.weights[rows],
            values=self.values[rows],
            slices={name: texts[rows] for name, texts in self.slices.items()},
        )

    @property
    def digest(self) -> str:
        """SHA-256 in hex of all that a model may learn from: equal exactly where the rows are."""
        told = hashlib.sha256(repr((self.problem, self.features)).encode())
        told.update("\0".join(str(one) for one in (*self.row_ids, *self.groups)).encode())
        for numbers in (self.decided_at, self.labels, self.weights, self.values):
            told.update(np.ascontiguousarray(numbers).tobytes())
        return told.hexdigest()
