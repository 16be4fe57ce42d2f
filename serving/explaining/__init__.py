"""Why a model said what it said: what each feature contributed to a probability."""

from serving.explaining.background import explained
from serving.explaining.explanation import Contribution, Explanation
from serving.explaining.shapley import explain

__all__ = ["Contribution", "Explanation", "explain", "explained"]
