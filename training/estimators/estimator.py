"""What an estimator's file says: how to build it, and which of its parameters are searched."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sklearn.base import BaseEstimator

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Estimator:
    """A kind of classifier. `build(parameters, seed)` gives one that is not fitted yet.

    What is built follows scikit-learn, takes rows of single-precision values with NaN where a feature has
    none, gives `predict_proba`, and can be converted to ONNX. `space`: what to search, as distributions
    (`rvs`) or lists of choices, as scikit-learn's searches take them; empty where there is nothing to.
    """

    name: str
    meaning: str
    build: Callable[[Parameters, int], BaseEstimator]
    space: Mapping[str, Any] = field(default_factory=dict)
