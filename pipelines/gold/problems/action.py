"""What can be done for a shopper, and what it is expected to bring at a probability of the outcome.

An action multiplies the odds of the outcome by 1 + `lift`, whatever they are:

    p' = p (1 + lift) / (1 + lift p),   hence   p' - p = lift p (1 - p) / (1 + lift p)

This is a constant shift of utility in the logit model of choice (K. Train, Discrete Choice Methods with
Simulation, 2009, chapter 3: the derivative is p (1 - p)): the undecided move most, who is sure or lost does
not move, and p' never leaves [0, 1]. Odds ratios also differ less between groups than differences of
probabilities do. An action is then expected to bring, beyond doing nothing, in minor units:

    benefit (p' - p) - cost - cost_if_bought p'
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from pipelines.errors import SettingsError

Products = Literal["alternatives", "complements"]
"""Sorts of products that an action can name."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. Money in minor units of the shop's currency.

    `cost_minor` is paid each time; it holds what disturbing a shopper is thought to cost, too.
    `cost_if_bought_minor` is paid where the outcome comes, as a discount is; below 0 it is brought, as by a
    complementary product in the basket. `lift`: by which share the odds of the outcome grow; below 0 it
    distracts. `products`: the sort that it names. `after_seconds`: how long after the decision it is done.
    `needs_account`: only for a shopper whose account is known, as an e-mail is.
    """

    name: str
    meaning: str
    cost_minor: int = 0
    cost_if_bought_minor: int = 0
    lift: float = 0.0
    products: Products | None = None
    after_seconds: int = 0
    needs_account: bool = False

    def __post_init__(self) -> None:
        if not self.lift > -1 or self.cost_minor < 0 or self.after_seconds < 0:
            raise SettingsError(
                f"problems: action `{self.name}` must have a lift above -1, a cost and a delay of 0 or more."
            )

    def lifted(self, probability: float) -> float:
        """The probability of the outcome once this is done."""
        return probability * (1 + self.lift) / (1 + self.lift * probability)

    def cost(self, probability: float | None) -> float:
        """What it is expected to cost, 0 or more; where no probability is known, as if the outcome came."""
        after = 1.0 if probability is None else self.lifted(probability)
        return self.cost_minor + max(self.cost_if_bought_minor, 0) * after

    def value(self, probability: float, *, benefit_minor: int) -> float:
        """What it is expected to bring beyond doing nothing; `benefit_minor`: what the outcome brings."""
        after = probability * (1 + self.lift) / (1 + self.lift * probability)
        return benefit_minor * (after - probability) - self.cost_minor - self.cost_if_bought_minor * after


NOTHING = Action("nothing", "the shop goes on as it is")
"""Always possible, costs nothing and brings nothing."""


def require_distinct(actions: Sequence[Action]) -> None:
    """Raises `SettingsError` where two actions of a problem have one name, or one is called `nothing`."""
    names = [NOTHING.name, *(one.name for one in actions)]
    twice = sorted({one for one in names if names.count(one) > 1})
    if twice:
        raise SettingsError(f"problems: more than one action is called `{twice[0]}`.")


def best(actions: Sequence[Action], probability: float, *, benefit_minor: int) -> tuple[Action, float]:
    """The action worth most and what it is worth; `NOTHING` and 0 unless one is worth more than that.

    Of actions that are worth the same it is the first by name.
    """
    chosen, most = NOTHING, 0.0
    for one in actions:
        value = one.value(probability, benefit_minor=benefit_minor)
        if value > most or (value == most > 0 and one.name < chosen.name):
            chosen, most = one, value
    return chosen, most


class Band(NamedTuple):
    """Probabilities from `low` to below `high` (the last one: 1 included) whose best action is `action`."""

    low: float
    high: float
    action: Action


def bands(actions: Sequence[Action], *, benefit_minor: int, steps: int = 1_000) -> list[Band]:
    """The best action along the probabilities from 0 to 1, looked at in so many steps."""
    chosen = [best(actions, step / steps, benefit_minor=benefit_minor)[0] for step in range(steps + 1)]
    starts = [step for step, one in enumerate(chosen) if step == 0 or one != chosen[step - 1]]
    edges = [start / steps for start in starts] + [1.0]
    return [
        Band(low, high, chosen[start]) for start, (low, high) in zip(starts, pairwise(edges), strict=True)
    ]
