"""The scorer: what is known, what the model says of it, what is done, and the record of all that."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from pipelines.contracts.positions import nested
from pipelines.gold.features.sets import all_sets
from pipelines.gold.problems import all_problems
from pipelines.gold.problems.action import Products
from serving.explaining import Explanation
from serving.models.live import LiveModels, Serving
from serving.policy import Choice, Policies
from serving.scoring.decision import Decision, wire_time
from serving.scoring.known import Known, Stale
from serving.scoring.question import Question
from serving.scoring.recent import Made, Recent

_NANOS_PER_MICRO = 1_000
_encoder = msgspec.json.Encoder()


class State(Protocol):
    """What is known of shoppers. A part that does not answer makes it stale, never an error."""

    def known_many(self, questions: Sequence[Question]) -> list[Known]:
        """What is known at each question's moment, in their order."""
        ...

    def known_of(self, sets: Sequence[str], keys: Mapping[str, str | None], at: int) -> Known:
        """What these sets know of the entities that `keys` name, as of `at`, UTC microseconds."""
        ...


class NamedProducts(Protocol):
    """Which products an action names."""

    def related(self, product_id: str | None, sort: Products) -> list[str]:
        """Products of that sort for the one at hand, the best first; none where nobody knows."""
        ...


class _Moments(NamedTuple):
    """How a decision was asked for, and when: microseconds; `now` UTC."""

    door: str
    now: int
    read: int


class LiveScorer:
    """Decides by what is live now. All in the loop's thread: nothing waits between reading and scoring.

    `name`: which replica this is. `keep`: how many of the last decisions can be explained.
    """

    def __init__(
        self, state: State, models: LiveModels, policies: Policies, products: NamedProducts, *,
        name: str, keep: int,
    ) -> None:  # fmt: skip
        self._state = state
        self._models = models
        self._policies = policies
        self._products = products
        self._name = name
        self._recent = Recent(keep)
        sets = all_sets()
        self._set_versions = {
            problem: _json({name: sets[name].version for name in one.sets})
            for problem, one in all_problems().items()
        }

    def decide(self, questions: Sequence[Question], *, door: str, now: int) -> list[Decision]:
        """One decision a question, in their order. `now`: UTC microseconds; `door`: a word of `DOORS`."""
        began = time.perf_counter_ns()
        known = self._state.known_many(questions)
        moments = _Moments(door, now, (time.perf_counter_ns() - began) // _NANOS_PER_MICRO)
        return [self._decide(one, what, moments) for one, what in zip(questions, known, strict=True)]

    def known(self, sets: Sequence[str], keys: Mapping[str, str | None], at: int) -> Known:
        """What is known of the entities that `keys` name, as of `at`, UTC microseconds."""
        return self._state.known_of(sets, keys, at)

    def explain(self, decision_id: str) -> Explanation | None:
        """What each feature contributed; None unless it is one of the last made here, by a model."""
        return self._recent.explain(decision_id)

    def _decide(self, question: Question, known: Known, moments: _Moments) -> Decision:
        began = time.perf_counter_ns()
        serving = self._models.of(question.problem.name)
        champion = serving.champion
        probability = None if champion is None else _sound(champion.probability(known.features))
        mute = (Stale("model", None),) if champion is not None and probability is None else ()
        choice = self._policies.choose(
            question.problem.name,
            decision_id=question.decision_id,
            visitor_id=question.keys["visitor_id"] or "",
            probability=probability,
            at=moments.now,
            has_account=question.keys.get("user_id") is not None,
        )
        made = Decision(
            **_asked(question, moments),
            **_said(serving, known, probability),
            **_chosen(choice),
            **_seen(question, known),
            set_versions=self._set_versions[question.problem.name],
            products=self._named(choice, question),
            stale=_json([*known.stale, *self._models.stale(question.problem.name, now=moments.now), *mute]),
            scorer=self._name,
        )
        made.score_micros = (time.perf_counter_ns() - began) // _NANOS_PER_MICRO
        if champion is not None:
            self._recent.note(Made(made.event_id, champion, known.features))
        return made

    def _named(self, choice: Choice, question: Question) -> str | None:
        if choice.products is None:
            return None
        return _json(self._products.related(question.keys.get("product_id"), choice.products))


def _asked(question: Question, moments: _Moments) -> dict[str, Any]:
    """What was asked, by whom, and how long it took to come here."""
    about = question.about
    found: dict[str, Any] = {
        "event_id": question.decision_id,
        "visitor_id": question.keys["visitor_id"],
        "user_id": question.keys.get("user_id"),
        "session_id": question.keys.get("session_id"),
        "product_id": question.keys.get("product_id"),
        "occurred_at": wire_time(moments.now),
        "problem": question.problem.name,
        "problem_version": question.problem.version,
        "door": moments.door,
        "read_micros": moments.read,
    }
    if about is not None:
        found |= {
            "about_event": about["event_id"],
            "about_topic": about["topic"],
            "about_partition": about["partition"],
            "about_offset": about["offset"],
            "published_micros": max(0, moments.now - about["occurred_at"]),
            "ingested_micros": max(0, moments.now - about["ingested_at"]),
        }
    return found


def _said(serving: Serving, known: Known, probability: float | None) -> dict[str, Any]:
    """What the champion and its shadows say."""
    champion = serving.champion
    shadows = [
        {"model": one.name, "version": one.version, "probability": _sound(one.probability(known.features))}
        for one in serving.shadows
    ]
    found: dict[str, Any] = {"shadows": _json(shadows)}
    if champion is not None:
        found |= {
            "model": champion.name,
            "model_version": champion.version,
            "model_sha256": champion.sha256,
            "probability": probability,
        }
    return found


def _sound(probability: float) -> float | None:
    """None for what is no probability: a graph may give NaN for a row that nobody has seen before."""
    return probability if 0 <= probability <= 1 else None


def _chosen(choice: Choice) -> dict[str, Any]:
    return {
        "action": choice.action,
        "wanted_action": choice.wanted_action,
        "reason": choice.reason,
        "propensity": choice.propensity,
        "expected_minor": choice.expected_minor,
        "is_holdout": choice.is_holdout,
        "policy": choice.policy,
    }


def _seen(question: Question, known: Known) -> dict[str, Any]:
    """What was known, and what of: enough to compute it again."""
    return {
        "features": _json(known.features),
        "positions": _json(nested(known.positions)),
        "batch_id": known.batch_id,
        "in_flight": known.in_flight,
        "added_events": _json([dict(one) for one in question.added]) if question.added else None,
        "is_whole": known.is_whole,
        "state_ahead": known.state_ahead,
    }


def _json(content: Any) -> str:
    return _encoder.encode(content).decode()
