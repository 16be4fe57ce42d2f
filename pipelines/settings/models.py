"""The section of the models: how often they contest, how strictly, and how many are kept."""

from typing import Annotated

import msgspec

from pipelines.settings.sections import Count, Section


class Models(Section, frozen=True):
    """Contests and the registry. `level`: how likely a contest may promote wrongly, over all contestants."""

    block_decisions: Annotated[int, msgspec.Meta(ge=100, le=100_000_000)]
    learn_blocks: Count
    level: Annotated[float, msgspec.Meta(gt=0, lt=0.5)]
    budget_trials: Count
    bootstrap_rounds: Annotated[int, msgspec.Meta(ge=200, le=100_000)]
    keep_versions: Annotated[int, msgspec.Meta(ge=3, le=10_000)]
