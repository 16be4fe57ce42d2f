"""Problems, one file each: `PROBLEM` of the module is found by the module's name."""

from pipelines.contracts.plugins import plugins
from pipelines.gold.problems.problem import Problem

_OWN = {"action", "problem"}


def all_problems() -> dict[str, Problem]:
    """Every problem by name."""
    return plugins(__name__, __path__, attribute="PROBLEM", kind=Problem, without=_OWN)
