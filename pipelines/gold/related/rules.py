"""What the lists depend on beside the data."""

from dataclasses import dataclass
from typing import Literal, get_args

from pipelines.gold.problems.action import Products

SORTS: tuple[Products, ...] = get_args(Products)

Measure = Literal["cosine", "conditional", "log_likelihood"]
"""How a pair is scored; see `measures.py`."""

ANY_PRODUCT = ""
"""The product whose list is named where nothing is known of the one at hand."""


@dataclass(frozen=True)
class RelatedRules:
    """`named`: products of a list. `window`: the last products of a visit that make pairs.

    `shrinkage`: visits that a pair needs for half of its score. `gap_seconds`: as in `MartRules`.
    """

    named: int = 20
    window: int = 30
    shrinkage: float = 2.0
    measure: Measure = "cosine"
    gap_seconds: int = 1800
