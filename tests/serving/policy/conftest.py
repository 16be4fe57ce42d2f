"""What the tests of policies share."""

from functools import cache

from pipelines.gold.problems import all_problems
from pipelines.settings import load_settings
from pipelines.settings.scorer import Scorer

PROBLEM = all_problems()["checkout_purchase"]
DAY = 86_400_000_000
AT = 20_000 * DAY + 5_000_000
NAMES = ("nothing", *(one.name for one in PROBLEM.actions))


@cache
def settings(*overrides: str) -> Scorer:
    return load_settings(overrides=[f"scorer.{one}" for one in overrides], environ={}).scorer


def plain(*overrides: str) -> Scorer:
    """No holdout and no trials, unless named."""
    return settings("holdout_share=0", "explore_share=0", *overrides)
