"""What is known of a shopper: the store's state, what is in flight, and what the question adds, as one."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from pipelines.contracts.positions import Vector
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.finisher import Finisher
from pipelines.gold.features.overlay import Key
from pipelines.gold.features.scalar import State, key_of, merged, state_of
from pipelines.gold.features.sets import all_sets
from pipelines.gold.features.values import Event
from pipelines.runtime.features.feed import Feed
from pipelines.runtime.features.reading import USER, VISITOR
from serving.scoring.known import Known, Stale
from serving.scoring.question import Question
from serving.state.entities import Keys, covers, entities_of, entity_of, visitor_of
from serving.state.last_good import Kept, LastGood
from serving.state.rows import Covered, Stored
from serving.state.store import Asked, Named, Reading

_MOST_AT_ONCE = 25
_MILLI = 1_000
_NOTHING = State()


class StoreReader(Protocol):
    """The online store."""

    @property
    def asked(self) -> Sequence[Named]:
        """The combinations of sets that it reads."""

    @property
    def covered(self) -> Covered | None:
        """What it covered when it was last read."""

    def read(self, names: Named, questions: Sequence[Asked]) -> Reading | None:
        """What is stored, all in one snapshot; None where it does not answer in time."""


class _Ask(NamedTuple):
    """A question to sets. `added`: the events that the caller tells of and Kafka has not."""

    keys: Keys
    at: int
    about: Event | None
    added: Sequence[Event]


class _Basis(NamedTuple):
    """What in flight is added to: states by set, whose they are, and what they cover.

    `beyond`: the positions of those sets that were read at another time than the rest.
    """

    states: Mapping[str, State]
    owners: Sequence[str]
    covered: Covered
    live: Mapping[str, FeatureSet]
    beyond: Mapping[str, Vector] = {}
    stale: tuple[Stale, ...] = ()


class ShopperState:
    """Answers questions in the loop's thread, and never waits longer than the store's bound.

    `feed`: what Kafka says, which whoever polls keeps going: `begin`, `take`, `caught_up`, `leave`.
    `remembered`: entities of which the last state is kept for when the store does not answer. Kafka counts
    as silent so many milliseconds after the feed was last at the end of its partitions. `clock`: UTC
    microseconds; it tells ages only.
    """

    def __init__(
        self,
        store: StoreReader,
        feed: Feed,
        *,
        remembered: int = 10_000,
        silent_after_ms: int = 5_000,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self.feed = feed
        self._store = store
        self._last_good = LastGood(remembered)
        self._silent_after_ms = silent_after_ms
        self._clock = clock
        self._sets = all_sets()
        self._finishers = {name: Finisher(one, prefix=f"{name}__") for name, one in self._sets.items()}
        self._released: Vector = {}

    def positions(self) -> Vector | None:
        """The store's positions, as far as they have been seen; None before that."""
        covered = self._store.covered
        return None if covered is None else covered.positions

    def known(self, question: Question) -> Known:
        """What is known at the question's moment."""
        return self.known_many([question])[0]

    def known_many(self, questions: Sequence[Question]) -> list[Known]:
        """What is known at each question's moment, in their order. No question sees another's events."""
        by_sets: defaultdict[Named, list[int]] = defaultdict(list)
        for number, one in enumerate(questions):
            by_sets[one.problem.sets].append(number)
        found: dict[int, Known] = {}
        for names, numbers in by_sets.items():
            asks = [self._ask(questions[number]) for number in numbers]
            found |= zip(numbers, self._known(names, names, asks), strict=True)
        return [found[number] for number in range(len(questions))]

    def known_of(self, sets: Sequence[str], keys: Keys, at: int) -> Known:
        """What these sets know of the entities that `keys` name, as of `at`, UTC microseconds.

        All of them, where the store is read for some combination of sets that holds them all.
        """
        names = tuple(sets)
        read = [one for one in self._store.asked if {*names} <= {*one}] or self._store.asked
        return self._known(names, min(read, key=len), [_Ask(keys, at, None, ())])[0]

    def _ask(self, question: Question) -> _Ask:
        added: dict[tuple[str, str], Event] = {}
        for one in question.added:
            if not self.feed.has_seen(one):
                added.setdefault((one[VISITOR], one["event_id"]), one)
        return _Ask(question.keys, question.at, question.about, [*added.values()])

    def _known(self, names: Named, read: Named, asks: Sequence[_Ask]) -> list[Known]:
        found: list[Known] = []
        for first in range(0, len(asks), _MOST_AT_ONCE):
            some = asks[first : first + _MOST_AT_ONCE]
            linked = [self._linked(one) for one in some]
            asked = [Asked(one.keys, one.at, more) for one, more in zip(some, linked, strict=True)]
            reading = self._store.read(read, asked)
            if reading is not None:
                self._release(reading.covered.positions)
            for number, (ask, more) in enumerate(zip(some, linked, strict=True)):
                basis = (
                    self._kept(names, ask, more)
                    if reading is None
                    else self._noted(names, ask, reading, reading.stored[number])
                )
                found.append(self._told(names, ask, basis))
        return found

    def _linked(self, ask: _Ask) -> Sequence[str]:
        """The visitors whom events that the store may lack name with the user."""
        user = ask.keys.get(USER)
        if user is None:
            return ()
        told = [one[VISITOR] for one in ask.added if one.get(USER) == user]
        return list(dict.fromkeys([*self.feed.overlay.visitors(user, beyond={}), *told]))

    def _release(self, positions: Vector) -> None:
        """Let go of what the store has, once a batch."""
        if positions is not self._released:
            mine = {place: positions[place] for place in self.feed.places if place in positions}
            self.feed.overlay.release(mine)
            self._released = positions

    def _noted(self, names: Named, ask: _Ask, reading: Reading, stored: Stored) -> _Basis:
        """What was read, kept for when nothing can be."""
        owners, now = tuple(stored.owners) or visitor_of(ask.keys), self._clock()
        for name in names:
            if name in reading.sets:
                kept = Kept(stored.states.get(name, _NOTHING), reading.covered, owners, now)
                self._last_good.note(entity_of(self._sets[name], ask.keys), kept)
        return _Basis(stored.states, owners, reading.covered, reading.sets)

    def _kept(self, names: Named, ask: _Ask, linked: Sequence[str]) -> _Basis:
        """What was read last; of what was not, nothing."""
        found: dict[str, Kept] = {}
        for name in names:
            kept = self._last_good.find(entity_of(self._sets[name], ask.keys))
            if kept is not None:
                found[name] = kept
        owners = dict.fromkeys((*(owner for one in found.values() for owner in one.owners), *linked))
        oldest = min((one.read_at for one in found.values()), default=None)
        age = None if oldest is None else max(0, self._clock() - oldest) // _MILLI
        newest = max(found.values(), key=lambda one: one.read_at, default=None)
        return _Basis(
            {name: one.state for name, one in found.items()},
            tuple(owners) or visitor_of(ask.keys),
            Covered() if newest is None else newest.covered,
            self._sets,
            {name: found[name].covered.positions if name in found else {} for name in names},
            (Stale("postgres", age),),
        )

    def _told(self, names: Named, ask: _Ask, basis: _Basis) -> Known:
        features: dict[str, Any] = {}
        asked: list[tuple[FeatureSet, Key]] = []
        is_live, covered = True, basis.covered.positions
        for name in names:
            feature_set, finisher = self._sets[name], self._finishers[name]
            if name not in basis.live:
                is_live = False
                features |= finisher.nothing
                continue
            keys = entities_of(feature_set, ask.keys, basis.owners)
            asked += ((feature_set, key) for key in keys)
            beyond = basis.beyond.get(name, covered)
            state = self._state(feature_set, keys, ask, basis.states.get(name), beyond)
            features |= finisher.nothing if state is None else finisher.values(state, at=ask.at)
        positions = self._seen(covered)
        is_ahead = ask.about is not None and covers(positions, ask.about)
        is_whole = is_live and not is_ahead and not basis.stale and basis.covered.is_exact
        return Known(
            features,
            positions,
            basis.covered.batch_id,
            self.feed.overlay.count(asked, beyond=covered),
            is_whole and self.feed.overlay.completes(covered),
            is_ahead,
            (*basis.stale, *self._silence()),
        )

    def _state(
        self, feature_set: FeatureSet, keys: Sequence[Key], ask: _Ask, stored: State | None, beyond: Vector
    ) -> State | None:
        """All that is known of the entities, as one; None of nothing."""
        states = [] if stored is None else [stored]
        for key in keys:
            added = self.feed.overlay.added(feature_set, key, beyond=beyond)
            if added.events:
                states.append(added.state)
        states += (state_of(feature_set, one) for one in ask.added if key_of(feature_set, one) in keys)
        return merged(feature_set, states) if len(states) > 1 else states[0] if states else None

    def _seen(self, stored: Vector) -> Vector:
        """How far what is known reaches: of partitions that are not followed, as far as the store."""
        seen, reached = {**stored}, self.feed.overlay.reached
        for place in self.feed.places:
            seen[place] = max(reached[place], seen.get(place, 0))
        return seen

    def _silence(self) -> tuple[Stale, ...]:
        """Nothing, while the feed was lately at the end of what Kafka has."""
        at = self.feed.caught_up_at
        age = None if at is None else (self._clock() - at) // _MILLI
        return () if age is not None and age <= self._silent_after_ms else (Stale("kafka", age),)
