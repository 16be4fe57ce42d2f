"""The metrics by which models are judged, all weighted, all in one registry.

Equal to scikit-learn's where it has them. A metric that needs both outcomes is not a number where there is
only one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.evaluation.scored import BINS, Scored, Sums
from training.examples import Floats, Integers

_LIFTED = 0.1


@dataclass(frozen=True)
class Metric:
    """A metric: `resampled` gives its value for each resample in the sums.

    `noisy`: chance alone moves it to one side, so that its resamples lie beside its value.
    """

    name: str
    meaning: str
    higher_is_better: bool
    resampled: Callable[[Sums], Floats]
    noisy: bool = False

    def of(self, labels: Integers, probabilities: Floats, weights: Floats, threshold: float) -> float:
        """The value for these rows. Raises `ModelError` for what is no probability for each row."""
        sums = Sums(Scored(labels, probabilities, weights, threshold), np.ones((1, 1)))
        return float(self.resampled(sums)[0])


def _share(part: Floats, whole: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part / whole)


def average_precision(sums: Sums) -> Floats:
    """Mean of the precision at each positive row, equal probabilities taken together."""
    _, positives = sums.ranking
    seen, hits = sums.reached
    precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
    return _share(np.einsum("ij,ij->j", precision, positives), hits[-1])


def roc_auc(sums: Sums) -> Floats:
    """How likely a positive row is ranked above a negative one; equal probabilities count half."""
    rows, positives = sums.ranking
    seen, hits = sums.reached
    reached = seen - hits
    below = reached[-1] - reached + (rows - positives) / 2
    won = np.einsum("ij,ij->j", below, positives)
    return _share(won, hits[-1] * reached[-1])


def lift(sums: Sums) -> Floats:
    """Positives among the best tenth of the weight over a tenth of all positives.

    Where the tenth ends among rows of equal probability, the expected value over their orders.
    """
    rows, positives = sums.ranking
    seen, hits = sums.reached
    cut = _LIFTED * seen[-1]
    at = np.minimum((seen < cut).sum(axis=0), len(seen) - 1)
    columns = np.arange(seen.shape[1])
    over = _share(seen[at, columns] - cut, rows[at, columns])
    caught = hits[at, columns] - over * positives[at, columns]
    return _share(caught, _LIFTED * hits[-1])


def log_loss(sums: Sums) -> Floats:
    """Mean of -ln of the probability given to what came, probabilities kept off 0 by 2.2e-16."""
    return _share(sums.totals["log_loss"], sums.totals["rows"])


def brier(sums: Sums) -> Floats:
    """Mean square of probability less outcome."""
    return _share(sums.totals["brier"], sums.totals["rows"])


def calibration_error(sums: Sums) -> Floats:
    """Mean over bins of equal weight of |mean probability - share of positives|."""
    return _share(np.abs(sums.gaps).sum(axis=0), sums.totals["rows"])


def balanced_accuracy(sums: Sums) -> Floats:
    """Mean of the shares of positive rows acted on and of negative rows left alone."""
    found, refused = _rates(sums)
    return (found + refused) / 2


def _rates(sums: Sums) -> tuple[Floats, Floats]:
    totals = sums.totals
    negatives = totals["rows"] - totals["positives"]
    wrongly = totals["acted"] - totals["acted_positives"]
    return _share(totals["acted_positives"], totals["positives"]), 1 - _share(wrongly, negatives)


def matthews(sums: Sums) -> Floats:
    """Correlation of acting and outcome; 0 where all rows or none are acted on."""
    totals = sums.totals
    rows, positives, acted = totals["rows"], totals["positives"], totals["acted"]
    spread = np.sqrt(positives * (rows - positives)) * np.sqrt(np.maximum(acted * (rows - acted), 0))
    found = _share(totals["acted_positives"] * rows - positives * acted, spread)
    decided = (positives > 0) & (positives < rows)
    return np.where(decided & (spread == 0), 0.0, found)


def f1(sums: Sums) -> Floats:
    """Harmonic mean of precision and recall."""
    totals = sums.totals
    found = _share(2 * totals["acted_positives"], totals["acted"] + totals["positives"])
    return np.where(totals["positives"] > 0, found, np.nan)


METRICS: dict[str, Metric] = {
    one.name: one
    for one in (
        Metric("average_precision", "area under precision by recall", True, average_precision),
        Metric("roc_auc", "chance that a positive is ranked above a negative", True, roc_auc),
        Metric("log_loss", "mean -ln of the probability given to what came", False, log_loss),
        Metric("brier", "mean square of probability less outcome", False, brier),
        Metric(
            "calibration_error",
            f"mean |probability - frequency| over {BINS} bins of equal weight",
            False,
            calibration_error,
            noisy=True,
        ),
        Metric("balanced_accuracy", "mean recall of both outcomes", True, balanced_accuracy),
        Metric("matthews", "correlation of acting and outcome", True, matthews),
        Metric("f1", "harmonic mean of precision and recall", True, f1),
        Metric("lift", "positives in the best tenth over a tenth of the positives", True, lift),
    )
}
