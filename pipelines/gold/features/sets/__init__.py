"""Feature sets, one file each: `SET` of the module is found by the module's name."""

from importlib import import_module
from pkgutil import iter_modules

from pipelines.gold.features.feature_set import FeatureSet


def all_sets() -> dict[str, FeatureSet]:
    """Every feature set by name. One whose file is new since the last call is among them."""
    found = [import_module(f"{__name__}.{module.name}").SET for module in iter_modules(__path__)]
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}
