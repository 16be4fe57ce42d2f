"""From what a caller asks to what it is answered."""

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog

from pipelines.contracts.positions import nested
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.problems.problem import Problem
from serving.doors.http.added import read_added
from serving.doors.http.bodies import Answer, Ask, Refusal, RefusedEvent, StalePart
from serving.doors.http.entities import Entities
from serving.doors.identity import Identity
from serving.doors.log import DecisionLog
from serving.doors.meters import Meters
from serving.scoring.asked import Scorer
from serving.scoring.decision import Decision, wire_time
from serving.scoring.question import Question

_log = structlog.get_logger(__name__)
_AT_ONCE = 16
_REMEMBERED = 10_000
_NO_PRODUCTS = msgspec.Raw(b"[]")
_stale = msgspec.json.Decoder(list[tuple[str, int | None]])


class _Known(NamedTuple):
    asked: tuple[str, str]
    answer: Answer


class _New(NamedTuple):
    ask: Ask
    question: Question
    refused: list[RefusedEvent]


class HttpDoor:
    """Answers callers, in the loop's thread; between a read and its score nothing else runs.

    `valid_seconds`: how long a caller may use an answer. `unready`: what is not as it should be, by part. The
    last 10,000 answers that were asked for by an id of the caller's are kept, to be given again.
    """

    def __init__(
        self,
        *,
        scorer: Scorer,
        log: DecisionLog,
        problems: Mapping[str, Problem],
        sets: Mapping[str, FeatureSet],
        identity: Identity,
        meters: Meters,
        unready: Callable[[], Mapping[str, str]],
        valid_seconds: float,
    ) -> None:
        self._scorer = scorer
        self._log = log
        self.problems = problems
        self.entities = Entities(sets)
        self._identity = identity
        self._valid_micros = round(valid_seconds * 1e6)
        self._answers: OrderedDict[str, _Known] = OrderedDict()
        self.meters = meters
        self.unready = unready

    async def decide(self, asks: Sequence[Ask], *, is_batch: bool) -> list[Answer]:
        """One answer a question, in their order. Raises `Refusal` before anything is decided."""
        places = [f"decisions[{index}]." if is_batch else "" for index in range(len(asks))]
        problems = [self._problem_of(ask, place) for ask, place in zip(asks, places, strict=True)]
        self._check_ids(asks, places)
        answers: list[Answer] = []
        for first in range(0, len(asks), _AT_ONCE):
            if first:
                await asyncio.sleep(0)  # others' questions come in between, and never within one
            some = slice(first, first + _AT_ONCE)
            answers += self._decide(asks[some], problems[some])
        return answers

    def features(self, path: Sequence[str], query: Mapping[str, str]) -> dict[str, Any]:
        """What is known now of the entity that a path names. Raises `Refusal`."""
        entity, sets, keys = self.entities.of(path, query)
        at = time.time_ns() // 1_000
        known = self._scorer.known(sets, self._identity.known_as(keys), at)
        return {
            "entity": entity,
            "key": keys,
            "at": wire_time(at),
            "features": known.features,
            "positions": nested(known.positions),
            "batch_id": known.batch_id,
            "in_flight": known.in_flight,
            "is_whole": known.is_whole,
            "stale": [{"part": one.part, "age_ms": one.age_ms} for one in known.stale],
        }

    def explain(self, decision_id: str) -> object:
        """Why a decision was made. Raises `Refusal`."""
        found = self._scorer.explain(decision_id)
        if found is None:
            detail = "it is none of the last decisions of this scorer, or no model made it"
            raise Refusal(404, "unknown_decision", detail, field="decision_id")
        return found

    def _problem_of(self, ask: Ask, place: str) -> Problem:
        problem = self.problems.get(ask.problem)
        if problem is None:
            detail = f"there is no such problem; they are {', '.join(self.problems)}"
            raise Refusal(422, "unknown_problem", detail, field=f"{place}problem")
        given = ask.keys()
        for name in problem.keys:
            if given[name] is None:
                detail = f"{problem.name} is about it: name it"
                raise Refusal(422, "missing", detail, field=f"{place}{name}")
        return problem

    def _check_ids(self, asks: Sequence[Ask], places: Sequence[str]) -> None:
        """Refuse an id that stands for another question."""
        seen: dict[str, tuple[str, str]] = {}
        for ask, place in zip(asks, places, strict=True):
            named = ask.decision_id
            if named is None:
                continue
            asked = (ask.visitor_id, ask.problem)
            before = self._answers.get(named)
            if asked != seen.setdefault(named, asked if before is None else before.asked):
                detail = "this id stands for another visitor's decision, or for another problem's"
                raise Refusal(409, "decision_id_taken", detail, field=f"{place}decision_id")

    def _decide(self, asks: Sequence[Ask], problems: Sequence[Problem]) -> list[Answer]:
        now = time.time_ns() // 1_000
        names = [ask.decision_id or uuid.uuid4().hex for ask in asks]
        answers = {name: self._answers[name].answer for name in names if name in self._answers}
        new: dict[str, _New] = {}
        for name, ask, problem in zip(names, asks, problems, strict=True):
            if name not in answers and name not in new:
                added, refused = read_added(ask, self._identity.reader, now=now) if ask.events else ([], [])
                keys = self._identity.known_as(ask.keys())
                new[name] = _New(ask, Question(name, problem, now, keys, added=added), refused)
        decisions = self._scored([one.question for one in new.values()], now)
        for (name, one), decision in zip(new.items(), decisions, strict=True):
            answers[name] = self._noted(one.ask, decision, one.refused, now)
        return [answers[name] for name in names]

    def _scored(self, questions: Sequence[Question], now: int) -> list[Decision]:
        try:
            return self._scorer.decide(questions, door="http", now=now) if questions else []
        except Exception:
            _log.exception("decision_failed")
            self.meters.failures.labels("scorer").inc()
            raise Refusal(503, "not_decided", "the scorer failed; its log says why") from None

    def _noted(self, ask: Ask, decision: Decision, refused: list[RefusedEvent], now: int) -> Answer:
        """The answer, once the decision is on its way to the log."""
        self._log.write(self._identity.named(decision, ask.keys()))
        self.meters.decided(decision)
        answer = Answer(
            decision_id=decision.event_id,
            problem=decision.problem,
            action=decision.action,
            products=msgspec.Raw(decision.products.encode()) if decision.products else _NO_PRODUCTS,
            probability=decision.probability,
            model=decision.model,
            model_version=decision.model_version,
            reason=decision.reason,
            stale=_parts(decision.stale),
            expires=wire_time(now + self._valid_micros),
            refused_events=refused,
        )
        if ask.decision_id is not None:
            self._answers[ask.decision_id] = _Known((ask.visitor_id, ask.problem), answer)
            if len(self._answers) > _REMEMBERED:
                self._answers.popitem(last=False)
        return answer


def _parts(stale: str | None) -> list[StalePart]:
    return [] if stale in (None, "[]") else [StalePart(*one) for one in _stale.decode(stale or "[]")]
