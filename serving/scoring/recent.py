"""The last decisions, kept so that they can be explained."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from serving.explaining import Explanation, explained
from serving.models.live import LiveModel


class Made(NamedTuple):
    """A decision: the model that made it, the features as they were known, what the model said of them."""

    decision_id: str
    model: LiveModel | None
    features: Mapping[str, Any]


class Recent:
    """The newest `keep` decisions by id."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._made: OrderedDict[str, Made] = OrderedDict()

    def note(self, made: Made) -> None:
        """Keep one; the oldest goes."""
        self._made[made.decision_id] = made
        if len(self._made) > self._keep:
            self._made.popitem(last=False)

    def explain(self, decision_id: str) -> Explanation | None:
        """What each feature contributed; None where the decision is not kept, or no model made it."""
        made = self._made.get(decision_id)
        return (
            None if made is None or made.model is None else explained(made.model, made.features, decision_id)
        )
