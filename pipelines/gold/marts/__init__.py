"""Marts: tables for people's questions, one file each, found by module name. DataFrame in, DataFrame out.

The module `<plural>` makes `gold.<plural>`. Sessions are made from silver, the others from sessions, so
that what changes sessions of a day changes nothing else than that day of them.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from pyspark.sql import DataFrame

from pipelines.contracts.tables import TableSpec

Frames = Mapping[str, DataFrame]
"""Table or view → its rows."""


@dataclass(frozen=True)
class MartRules:
    """What the figures depend on beside the data; rows made under other rules must be made again."""

    gap_seconds: int = 1800
    path_steps: int = 5
    period_days: int = 7


@dataclass(frozen=True)
class Mart:
    """One mart. `reads` are the names that `build` takes rows by; `is_by_day`: each day is for itself."""

    table: TableSpec
    reads: tuple[str, ...]
    is_by_day: bool
    build: Callable[[Frames, MartRules], DataFrame]


@cache
def all_marts() -> dict[str, Mart]:
    """Every mart by its table's name."""
    found = (importlib.import_module(f"{__name__}.{m.name}").MART for m in pkgutil.iter_modules(__path__))
    return {mart.table.name: mart for mart in found}
