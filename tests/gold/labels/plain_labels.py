"""Feature events by hand and by chance, and what became of decisions among them, event by event."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from pipelines.gold.features.event import EVENT
from pipelines.gold.features.parts_of_shop import BOUGHT, CARTS, VIEWS
from pipelines.gold.features.values import Property, equal, kinds
from pipelines.gold.problems.problem import Problem, Worth

Row = dict[str, Any]
MICROS = 1_000_000
AT = 1_772_359_200 * MICROS
WORTH = Worth(benefit_minor=3, cost_minor=1)
BY_PRODUCT = Problem(
    name="by_product",
    version=2,
    meaning="what is put into the cart is bought within a minute",
    decision=CARTS,
    outcome=BOUGHT,
    keys=("visitor_id", "session_id", "product_id"),
    horizon_seconds=60,
    sets=("session",),
    worth=WORTH,
    slices=("country",),
)
BY_VISITOR = Problem(
    name="by_visitor",
    version=1,
    meaning="a view or a paid line leads to a line paid by card, or to a search, within three minutes",
    decision=VIEWS | BOUGHT,
    outcome=equal(Property("payment.card"), 1) | kinds("search"),
    keys=("visitor_id",),
    horizon_seconds=180,
    sets=("user",),
    worth=WORTH,
)
PROBLEMS = (BY_PRODUCT, BY_VISITOR)


def event(kind: str, name: str, at: float, **values: Any) -> Row:
    """An event `at` seconds past 10:00, of visitor v, session s, product p, known two seconds later."""
    occurred_at = AT + round(at * MICROS)
    same = {"visitor_id": "v", "session_id": "s", "product_id": "p", "topic": "t", "partition": 0}
    times = {"occurred_at": occurred_at, "known_at": occurred_at + 2 * MICROS, "ingested_at": occurred_at}
    found = dict.fromkeys(EVENT.names) | same | times
    return found | {"kind": kind, "event_id": name, "offset": 0} | values


def plain_labels(events: list[Row], problems: tuple[Problem, ...] = PROBLEMS) -> list[Row]:
    """The labels of the events' decisions, each by a look at all events."""
    found = []
    for problem in problems:
        for one in events:
            if problem.decision.holds(one) and None not in _key(problem, one):
                outcomes = [other for other in events if _is_outcome(problem, one, other)]
                found.append(_label(problem, one, outcomes))
    return found


def _key(problem: Problem, one: Row) -> tuple[Any, ...]:
    return tuple(one[name] for name in problem.keys)


def _is_outcome(problem: Problem, one: Row, other: Row) -> bool:
    return (
        problem.outcome.holds(other)
        and _key(problem, other) == _key(problem, one)
        and (other["occurred_at"], other["event_id"]) > (one["occurred_at"], one["event_id"])
        and other["occurred_at"] - one["occurred_at"] <= problem.horizon_seconds * MICROS
    )


def _label(problem: Problem, one: Row, outcomes: list[Row]) -> Row:
    same = ("visitor_id", "user_id", "session_id", "product_id", "known_at", "topic", "partition", "offset")
    return {name: one[name] for name in same} | {
        "problem": problem.name,
        "problem_version": problem.version,
        "row_id": one["event_id"],
        "decided_at": one["occurred_at"],
        "horizon_seconds": problem.horizon_seconds,
        "slices": {name: one[name] for name in problem.slices if one[name] is not None},
        "label": int(bool(outcomes)),
        "outcome_at": min((other["occurred_at"] for other in outcomes), default=None),
        "outcome_known_at": min((other["known_at"] for other in outcomes), default=None),
    }


@st.composite
def drawn_events(draw: st.DrawFn) -> list[Row]:
    """A few events of two visitors about the edges of the horizons, many at the same moment."""
    moments = st.sampled_from([0, 0, 0.000001, 30, 60, 60.000001, 90, 179.999999, 180, 180.000001, 240])
    ids = st.permutations([f"{letter}{n}" for letter in ("a", "Z", "é", "😀") for n in range(3)])
    properties = [None, {}, {"payment": {"card": True}}, {"payment": {"card": 0}}, {"payment": [1]}]
    found = []
    for number, name in enumerate(draw(ids)[: draw(st.integers(1, 8))]):
        kind = draw(st.sampled_from(["add_to_cart", "purchase", "product_view", "search"]))
        text = draw(st.sampled_from(properties))
        values = {
            "visitor_id": draw(st.sampled_from(["v", 'w"'])),
            "session_id": draw(st.sampled_from(["s", "s", "r", None])),
            "product_id": draw(st.sampled_from(["p", "p", "q", None])),
            "country": draw(st.sampled_from(["DE", 'é"', None])),
            "user_id": draw(st.sampled_from(["u", None])),
            "properties": None if text is None else msgspec.json.encode(text).decode(),
            "known_at": AT + draw(st.integers(0, 9)),
            "offset": number,
        }
        found.append(event(kind, name, draw(moments), **values))
    return found
