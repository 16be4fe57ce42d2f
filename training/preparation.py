"""Rows for models that cannot take gaps and long tails as they are."""

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin

from training.examples import Floats

BOUND = 10.0
"""How many deviations a prepared value may lie from the mean."""


class Preparation(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Standardised features without gaps, in double precision.

    Each feature becomes sign(x) log(1 + |x|) where `skewed` (counts and prices have long tails; the sign
    keeps differences), then (x - mean) / deviation of the rows fitted on, within ±10 so that one odd value
    does not decide alone; a gap becomes 0, the mean. With `indicators`, one more column for each feature
    tells whether it was missing. Features that never vary, or have no value at all, become 0.
    """

    def __init__(self, *, skewed: bool = True, indicators: bool = True) -> None:
        self.skewed = skewed
        self.indicators = indicators

    def fit(self, values: npt.ArrayLike, _labels: object = None) -> "Preparation":
        """Learns means and deviations of the rows' known values."""
        shaped = self._shaped(values)
        known = ~np.isnan(shaped)
        counts = np.maximum(known.sum(axis=0), 1)
        self.mean_: Floats = np.where(known, shaped, 0).sum(axis=0) / counts
        squares = np.where(known, (shaped - self.mean_) ** 2, 0).sum(axis=0)
        deviation = np.sqrt(squares / counts)
        varies = deviation > 1e-9 * np.maximum(np.abs(self.mean_), 1e-9)
        self.scale_: Floats = np.where(varies, 1 / np.where(varies, deviation, 1), 0)
        self.n_features_in_ = shaped.shape[1]
        return self

    def transform(self, values: npt.ArrayLike) -> Floats:
        """These rows, prepared."""
        shaped = self._shaped(values)
        missing = np.isnan(shaped)
        scaled = np.clip((shaped - self.mean_) * self.scale_, -BOUND, BOUND)
        filled = np.where(missing, 0, scaled)
        return np.hstack([filled, missing.astype(np.float64)]) if self.indicators else filled

    def _shaped(self, values: npt.ArrayLike) -> Floats:
        rows = np.asarray(values, dtype=np.float64)
        return np.asarray(np.sign(rows) * np.log1p(np.abs(rows))) if self.skewed else rows


class EmptyFilled(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The rows as they are, but 0 in features that had no value in any row fitted on.

    Histogram boosting cannot bin such a feature, and nothing could be learnt of it.
    """

    def fit(self, values: npt.ArrayLike, _labels: object = None) -> "EmptyFilled":
        """Learns which features have no value at all."""
        rows = np.asarray(values)
        self.empty_ = np.isnan(rows).all(axis=0)
        self.n_features_in_ = rows.shape[1]
        return self

    def transform(self, values: npt.ArrayLike) -> Floats:
        """These rows, without gaps in those features."""
        return np.where(self.empty_, 0.0, np.asarray(values, dtype=np.float64))
