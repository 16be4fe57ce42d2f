"""What is told of one probability: the baseline's, and what led from there to it."""

import msgspec


class Contribution(msgspec.Struct, frozen=True):
    """What one feature, or one set of features, added to the probability of the baseline.

    `error`: standard error of the estimate, 0 where it is exact. `value`, `baseline`: the feature's here and
    in the baseline, null where it has none; null for a set.
    """

    name: str
    contribution: float
    error: float
    value: float | None = None
    baseline: float | None = None


class Explanation(msgspec.Struct, frozen=True):
    """`baseline_probability` and the contributions of `features` add up to `probability`; so do the `sets`'.

    Both the greatest first. `permutations`: of how many orders the contributions are means; 0: of all, they
    are exact. `model`, `model_version`: which model it is about.
    """

    probability: float
    baseline_probability: float
    features: tuple[Contribution, ...]
    sets: tuple[Contribution, ...]
    permutations: int
    decision_id: str | None = None
    model: str | None = None
    model_version: int | None = None
