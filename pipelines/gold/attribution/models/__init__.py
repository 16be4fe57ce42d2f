"""The attribution models, one module each that holds `MODEL`. Found by module name."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from pipelines.gold.attribution.touches import Path

Credits = Mapping[str, int]
"""Source → micro-shares; none is negative, and they sum to 1,000,000."""


@dataclass(frozen=True)
class Model:
    """A rule that credits the path of an order. `title` is what people read."""

    name: str
    title: str
    credit: Callable[[Path], Credits]


@cache
def all_models() -> dict[str, Model]:
    """Every model by name."""
    found = [
        importlib.import_module(f"{__name__}.{module.name}").MODEL
        for module in pkgutil.iter_modules(__path__)
    ]
    return {model.name: model for model in found}
