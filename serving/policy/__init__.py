"""From a probability to an action: what is worth most, less the holdout, trials and budgets."""

from serving.policy.choice import Choice
from serving.policy.policies import Acted, Policies

__all__ = ["Acted", "Choice", "Policies"]
