"""Whether rows and outcomes are still those that a model was judged on, and what to raise an alert for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from training.evaluation.evaluate import group_numbers
from training.evaluation.intervals import Interval
from training.evaluation.metrics import METRICS
from training.examples import Examples, Floats, Values

PSI_BINS = 10
_PSEUDO_ROWS = 0.5
"""Added to every bin, so that an empty one has a logarithm (Jeffreys' prior)."""


@dataclass(frozen=True)
class Limits:
    """Above which of them an alert is raised.

    `psi`: 0.2 is the usual limit of a shift that matters. `calibration_deviations` and `calibration_ratio`
    must both be passed: the observed outcomes lie that many standard errors and that share off the
    expected ones. `chance`: how often chance alone may pass the limit of a feature's PSI.
    """

    psi: float = 0.2
    calibration_deviations: float = 3.0
    calibration_ratio: float = 0.1
    age_seconds: float = 7 * 86_400
    chance: float = 0.001


@dataclass(frozen=True)
class Alert:
    """What has passed its limit: `kind` is drift, calibration, score or staleness."""

    kind: str
    subject: str
    value: float
    limit: float
    message: str


@dataclass(frozen=True)
class Calibration:
    """Observed and expected outcomes (sums of weights), and how many standard errors they lie apart."""

    observed: float
    expected: float
    deviations: float

    @property
    def ratio(self) -> float:
        """Observed over expected."""
        return self.observed / self.expected if self.expected else math.inf


def psi(reference: Examples, current: Examples) -> dict[str, float]:
    """Population stability index of each feature: sum over bins of (q - p) ln(q / p), weighted rows.

    Bins are tenths of the reference's known values, equal ones never parted; no value is a bin of its own.
    Half a row is added to each bin. 0 where nothing has moved or where one side has no rows.
    """
    if not len(reference) or not len(current):
        return dict.fromkeys(reference.features, 0.0)
    columns = {name: position for position, name in enumerate(current.features)}
    return {
        name: _psi(
            (reference.values[:, position], reference.weights),
            (current.values[:, columns[name]], current.weights),
        )
        for position, name in enumerate(reference.features)
    }


def _psi(reference: tuple[Values, Floats], current: tuple[Values, Floats]) -> float:
    known = reference[0][~np.isnan(reference[0])]
    edges = np.unique(
        np.quantile(known, np.arange(1, PSI_BINS) / PSI_BINS, method="lower") if known.size else []
    )
    before, after = (_shares(values, weights, edges) for values, weights in (reference, current))
    return float(np.sum((after - before) * np.log(after / before)))


def _shares(values: Values, weights: Floats, edges: Floats) -> Floats:
    bins = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left"))
    found = np.bincount(bins, weights, len(edges) + 2) * (len(weights) / weights.sum()) + _PSEUDO_ROWS
    return np.asarray(found / found.sum())


def psi_of_chance(reference: Examples, current: Examples, *, chance: float) -> float:
    """What the PSI of a feature that has not moved passes in `chance` of cases.

    Without a move, PSI over 1/n + 1/m is chi-square with one degree less than bins (B. Yurdakul,
    Statistical properties of population stability index, 2018). n and m are users: their rows go together.
    """
    users = [len(set(one.groups)) for one in (reference, current)]
    if not all(users):
        return math.inf
    return float(stats.chi2.isf(chance, PSI_BINS)) * sum(1 / one for one in users)


def calibration(examples: Examples, probabilities: Floats) -> Calibration:
    """Outcomes observed and expected. The standard error is over users, whose rows go together."""
    labels, weights = examples.labels, examples.weights
    gaps = np.bincount(group_numbers(examples), weights * (labels - probabilities))
    spread = float(np.sqrt(np.square(gaps).sum()))
    return Calibration(
        observed=float(weights @ labels),
        expected=float(weights @ probabilities),
        deviations=float(gaps.sum()) / spread if spread else 0.0,
    )


def alerts(
    *,
    features: Mapping[str, float],
    features_limit: float = 0.0,
    calibrated: Calibration | None = None,
    scores: Mapping[str, tuple[Interval, Interval]],
    age_seconds: float,
    limits: Limits = Limits(),
) -> list[Alert]:
    """An alert for all that has passed its limit, none where all holds.

    `features`: PSI by name; `features_limit`: what chance alone may reach (`psi_of_chance`). `scores`: by
    metric, the interval at validation and the live one. `age_seconds`: since the last decision that judged.
    """
    found = _feature_alerts(features, max(limits.psi, features_limit))
    if calibrated is not None:
        found += _calibration_alerts(calibrated, limits)
    found += [alert for name, (then, now) in scores.items() if (alert := _score_alert(name, then, now))]
    if age_seconds > limits.age_seconds:
        days, most = age_seconds / 86_400, limits.age_seconds / 86_400
        message = f"The champion was last judged by decisions of {days:.1f} days ago; {most:.1f} are allowed."
        found.append(Alert("staleness", "champion", age_seconds, limits.age_seconds, message))
    return found


def _feature_alerts(features: Mapping[str, float], limit: float) -> list[Alert]:
    def told(name: str, value: float) -> str:
        return f"The values of {name} have moved: PSI {value:.3f}, {limit:.3f} is allowed."

    moved = {name: value for name, value in features.items() if value > limit}
    return [Alert("drift", name, value, limit, told(name, value)) for name, value in moved.items()]


def _calibration_alerts(found: Calibration, limits: Limits) -> list[Alert]:
    off = abs(found.ratio - 1)
    if abs(found.deviations) <= limits.calibration_deviations or off <= limits.calibration_ratio:
        return []
    message = (
        f"{found.observed:.0f} outcomes came where the champion expected {found.expected:.0f}: "
        f"{abs(found.deviations):.1f} standard errors apart."
    )
    return [Alert("calibration", "champion", found.ratio, 1 + limits.calibration_ratio, message)]


def _score_alert(name: str, then: Interval, now: Interval) -> Alert | None:
    """Outside the interval, and by more than the noise of both values explains."""
    worse_low = now.value < then.value
    near, margin = (then.low, then.value - then.low) if worse_low else (then.high, then.high - then.value)
    own = now.high - now.value if worse_low else now.value - now.low
    if not abs(now.value - then.value) > math.hypot(margin, own):
        return None
    word = "better" if worse_low != METRICS[name].higher_is_better else "worse"
    message = (
        f"Live {name} is {now.value:.4f}, {word} than at validation: "
        f"{then.value:.4f}, {then.low:.4f} to {then.high:.4f}."
    )
    return Alert("score", name, now.value, near, message)
