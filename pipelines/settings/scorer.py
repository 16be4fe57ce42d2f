"""The section of the scorer: how closely it follows the registry, what scores beside, and what is done."""

from typing import Annotated

import msgspec

from pipelines.errors import SettingsError
from pipelines.settings.scorer_doors import ScorerHttp, ScorerKafka
from pipelines.settings.sections import Count, Section

Shadows = Annotated[int, msgspec.Meta(ge=0, le=20)]
Drawn = Annotated[float, msgspec.Meta(ge=0, le=0.5)]
"""A share of visitors or decisions that chance draws; at most half, so that most get what is worth most."""
Cap = Annotated[int, msgspec.Meta(ge=0)]


class Budget(Section, frozen=True):
    """What an action may take in a day, UTC, over all replicas: how often, and minor units; null: no end."""

    times: Cap | None = None
    minor: Cap | None = None

    def __post_init__(self) -> None:
        if self.times is None and self.minor is None:
            raise SettingsError("scorer.budgets: a budget needs `times`, `minor` or both, a day.")


class Scorer(Section, frozen=True):
    """Decisions. `shadows`: how many models of a problem score beside its champion without deciding.

    `explained_decisions`: of how many of the last ones it can be told why.
    `budgets`: by problem and action. `default_actions`: by problem, what is done while no model decides.
    """

    poll_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)]
    shadows: Shadows
    http: ScorerHttp
    kafka: ScorerKafka
    explained_decisions: Count
    holdout_share: Drawn = 0.05
    explore_share: Drawn = 0.02
    policy_salt: str = "clicklake"
    budgets: dict[str, dict[str, Budget]] = msgspec.field(default_factory=dict)
    default_actions: dict[str, str] = msgspec.field(default_factory=dict)
