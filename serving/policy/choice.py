"""What was chosen for one decision, and why."""

from typing import NamedTuple

from pipelines.gold.problems.action import Products


class Choice(NamedTuple):
    """What is to be done. `reason` is a word of `REASONS` of the topic `decisions`.

    `wanted_action` is what was worth most, before holdout, trial and budgets; without a model the default.
    `propensity`: see `Policy`. `expected_minor`: what `action` brings beyond doing nothing, in minor units,
    null without a model. `cost_minor`: what it counts against its budget. `policy`: hash of the actions and
    settings it was chosen by. `products`: the sort to be named. `after_seconds`: how much later it is done.
    """

    action: str
    wanted_action: str
    reason: str
    propensity: float
    expected_minor: float | None
    is_holdout: bool
    policy: str
    products: Products | None
    after_seconds: int
    cost_minor: float
