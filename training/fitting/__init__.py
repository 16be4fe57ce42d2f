"""From labelled examples and a kind of estimator to a model's file."""

from training.fitting.challenger import Challenger, fit_challenger
from training.fitting.export import Fitted, export
from training.fitting.search import Progress, Trial

__all__ = ["Challenger", "Fitted", "Progress", "Trial", "export", "fit_challenger"]
