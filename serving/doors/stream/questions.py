"""Which events ask for which decisions."""

from collections.abc import Iterable, Iterator

from pipelines.gold.features.values import Event
from pipelines.gold.problems.problem import Problem
from serving.scoring.decision import decision_id
from serving.scoring.question import Question

KEYS = ("visitor_id", "user_id", "session_id", "product_id")
"""What names the entities of problems."""


class Questions:
    """Asks each problem of each event."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self._problems = tuple(problems)

    def of(self, event: Event) -> Iterator[Question]:
        """The decisions that the event asks for: it names what the problem is about."""
        for problem in self._problems:
            if problem.decision.holds(event) and all(event[name] is not None for name in problem.keys):
                named = decision_id(problem, visitor_id=event["visitor_id"], event_id=event["event_id"])
                yield Question(
                    decision_id=named,
                    problem=problem,
                    at=event["known_at"],
                    keys={name: event[name] for name in KEYS},
                    about=event,
                )
