"""The models that learn from visit paths, one module each that holds `MODEL`. Found by module name.

They need paths that ended in an order and paths that did not (see `path_counts`), and are fitted in
batch; `fits.credit` then spreads single orders.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from pipelines.gold.attribution.fits import Fit
from pipelines.gold.attribution.path_counts import PathCounts


@dataclass(frozen=True)
class FittedModel:
    """A model with its parameters. `title` is what people read; `fit` is pure and deterministic."""

    name: str
    title: str
    parameters: Mapping[str, object]
    fit: Callable[[PathCounts], Fit]


@cache
def all_fitted() -> dict[str, FittedModel]:
    """Every fitted model by name, with its default parameters."""
    found = [
        importlib.import_module(f"{__name__}.{module.name}").MODEL
        for module in pkgutil.iter_modules(__path__)
    ]
    return {model.name: model for model in found}
