"""Estimators, one file each: `ESTIMATOR` of the module is found by the module's name."""

from pipelines.contracts.plugins import plugins
from training.estimators.estimator import Estimator


def all_estimators() -> dict[str, Estimator]:
    """Every estimator by name."""
    return plugins(__name__, __path__, attribute="ESTIMATOR", kind=Estimator, without={"estimator"})
