"""Problems, one file each: `PROBLEM` of the module is found by the module's name."""

from importlib import import_module
from pkgutil import iter_modules

from pipelines.gold.problems.problem import Problem

_OWN = {"action", "problem"}


def all_problems() -> dict[str, Problem]:
    """Every problem by name."""
    modules = [one.name for one in iter_modules(__path__) if one.name not in _OWN]
    found = [import_module(f"{__name__}.{name}").PROBLEM for name in modules]
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}
