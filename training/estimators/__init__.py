"""Estimators, one file each: `ESTIMATOR` of the module is found by the module's name."""

from importlib import import_module
from pkgutil import iter_modules

from training.estimators.estimator import Estimator

_OWN = "estimator"


def all_estimators() -> dict[str, Estimator]:
    """Every estimator by name."""
    modules = [one.name for one in iter_modules(__path__) if one.name != _OWN]
    found = [import_module(f"{__name__}.{name}").ESTIMATOR for name in modules]
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}
