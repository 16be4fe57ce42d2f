"""Features that know too much: a single one that tells the outcome was made with the outcome's help.

What a feature says before the outcome is a hint. One that alone ranks nearly all outcomes above nearly all
else, or is there for exactly those rows where the outcome came, comes from after the decision.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from training.examples import Examples

LIMIT = 0.98
_LEAST_POSITIVES = 20


@dataclass(frozen=True)
class Leak:
    """A feature that is too good. `roc_auc`: how surely it alone tells outcomes, be it by its absence."""

    feature: str
    roc_auc: float

    def __str__(self) -> str:
        return (
            f"{self.feature} alone tells the outcome (ROC AUC {self.roc_auc:.3f}, at most {LIMIT:g} is "
            "believed): does it know what came after the decision?"
        )


def leaks(examples: Examples) -> list[Leak]:
    """The features that tell the outcome too surely, the surest first; none of too few outcomes to say."""
    positives = int(examples.labels.sum())
    if min(positives, len(examples) - positives) < _LEAST_POSITIVES:
        return []
    found = [
        Leak(name, best)
        for name, column in zip(examples.features, examples.values.T, strict=True)
        if (best := max(_areas(examples, column), default=0.0)) > LIMIT
    ]
    return sorted(found, key=lambda one: -one.roc_auc)


def _areas(examples: Examples, column: npt.NDArray[np.float32]) -> Iterator[float]:
    """By value, those without one lowest, then highest; either way round."""
    missing = np.isnan(column)
    if np.unique(column[~missing]).size + missing.any() < 2:
        return
    for lowest in (True, False) if missing.any() else (True,):
        beyond = (
            np.nextafter(np.nanmin(column), -np.inf) if lowest else np.nextafter(np.nanmax(column), np.inf)
        )
        filled = np.where(missing, beyond if (~missing).any() else 0, column)
        area = float(roc_auc_score(examples.labels, filled, sample_weight=examples.weights))
        yield max(area, 1 - area)
