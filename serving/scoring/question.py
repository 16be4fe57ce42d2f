"""What is asked of the scorer: one decision of a problem about one shopper, at one moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.gold.features.values import Event
from pipelines.gold.problems.problem import Problem


@dataclass(frozen=True)
class Question:
    """A decision to be made.

    `decision_id` names it for good: a question that comes again has the same one. `at`: the moment that
    features are told for, UTC microseconds. `keys`: visitor_id and what else names the problem's entities
    (user_id, session_id, product_id), where it is known. `about`: the event in Kafka that asks; None where
    a caller does. `added`: events that the caller tells of and that may not be in Kafka yet; they count for
    this decision only.
    """

    decision_id: str
    problem: Problem
    at: int
    keys: dict[str, str | None]
    about: Event | None = None
    added: Sequence[Event] = ()

    def key(self, names: Sequence[str]) -> tuple[str, ...] | None:
        """The entity that these key columns name; None where one of them is not known."""
        found: tuple[Any, ...] = tuple(self.keys.get(name) for name in names)
        return None if None in found else found
