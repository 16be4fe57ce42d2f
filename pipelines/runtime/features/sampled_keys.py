"""Which entities a sampling reader reads: those that events have just named, and any that are stored."""

import random
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor

from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.overlay import Key
from pipelines.gold.features.scalar import key_of
from pipelines.gold.features.values import Event
from pipelines.runtime.features.layout import quoted, tables_of
from pipelines.runtime.features.reading import USER, VISITOR

_RECENT = 300
_STORED = 300
_IN_FLIGHT = 0.7
"""The share of keys that events have just named."""


class Question(NamedTuple):
    """A set, and whether it is asked about users rather than visitors."""

    feature_set: FeatureSet
    is_by_user: bool


def questions(sets: Iterable[FeatureSet]) -> list[Question]:
    """Every way in which the sets are read."""
    return [
        Question(one, by_user)
        for one in sets
        for by_user in ((False, True) if one.entity.by_user else (False,))
    ]


class SampledKeys:
    """The keys to choose from, a few hundred a question."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._recent: defaultdict[Question, deque[Key]] = defaultdict(lambda: deque(maxlen=_RECENT))
        self._stored: dict[Question, list[Key]] = {}

    def note(self, events: Sequence[Event], asked: Iterable[Question]) -> None:
        """Take in the entities of the newest of the events."""
        for one in asked:
            for event in events[-_RECENT:]:
                key = key_of(one.feature_set, _as_user(event) if one.is_by_user else event)
                if key is not None:
                    self._recent[one].append(key)

    def refresh(self, cursor: Cursor, asked: Iterable[Question]) -> None:
        """Take any of the entities that Postgres holds, from pages chosen at random."""
        for one in asked:
            cursor.execute(_statement(one), {"share": _share(cursor, one), "most": _STORED})
            self._stored[one] = [tuple(row) for row in cursor.fetchall()]

    def pick(self, question: Question, count: int) -> list[Key]:
        """So many keys at most, each once."""
        recent, stored = self._recent[question], self._stored.get(question, [])
        found = [
            self._chance.choice(those)
            for those in (recent if self._chance.random() < _IN_FLIGHT else stored for _ in range(count))
            if those
        ]
        return list(dict.fromkeys(found))


def _as_user(event: Event) -> Event:
    """The event with its user in the visitor's place."""
    return {**event, VISITOR: event.get(USER)}


def _share(cursor: Cursor, question: Question) -> float:
    """Per cent of the pages that hold some hundred rows; all while nobody has counted them."""
    cursor.execute("select reltuples from pg_class where oid = %s::regclass", (_sampled(question),))
    ((rows,),) = cursor.fetchall()
    return min(100.0, 300.0 * _STORED / rows) if rows > 0 else 100.0


def _sampled(question: Question) -> str:
    return "features.links" if question.is_by_user else tables_of(question.feature_set)[0].address


def _statement(question: Question) -> str:
    table, keys = tables_of(question.feature_set)[0], question.feature_set.keys
    sampled = f"{_sampled(question)} as sampled tablesample system (%(share)s)"
    if not question.is_by_user:
        columns = ", ".join(f"sampled.{quoted(key)}" for key in keys)
        return f"select {columns} from {sampled} limit %(most)s"
    columns = ", ".join(f"sampled.{USER}" if key == VISITOR else f"stored.{quoted(key)}" for key in keys)
    joined = f"{sampled} join {table.address} as stored on stored.{VISITOR} = sampled.{VISITOR}"
    return f"select {columns} from {joined} limit %(most)s"
