"""What single events add to feature sets before the store covers them: merged in when a value is read.

An event is in flight from when it was consumed until the store's positions have passed it. Both are told
by Kafka's offsets, partition by partition, so an event counts once: in the store, or here, never in both.
"""

from collections import defaultdict, deque
from collections.abc import Iterable
from itertools import chain, islice
from typing import Any, NamedTuple

from pipelines.contracts.positions import Vector
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.scalar import State, merged, state_of
from pipelines.gold.features.values import Event

Place = tuple[str, int]
"""Topic and partition."""
Key = tuple[str, ...]
_VISITOR, _USER = "visitor_id", "user_id"


class _InFlight:
    """An event, and the state that it makes of each set that was asked for it."""

    __slots__ = ("_states", "event", "offset", "place")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.place: Place = (event["topic"], event["partition"])
        self.offset: int = event["offset"]
        self._states: dict[str, State] = {}

    def is_beyond(self, positions: Vector) -> bool:
        return self.offset >= positions.get(self.place, 0)

    def state(self, feature_set: FeatureSet) -> State:
        """Made when first asked for: most events are covered before anybody asks."""
        if feature_set.name not in self._states:
            self._states[feature_set.name] = state_of(feature_set, self.event)
        return self._states[feature_set.name]


class _Held:
    """The events of one entity in the order in which they came, and by set the state of the first of them."""

    __slots__ = ("_states", "events")

    def __init__(self) -> None:
        self.events: dict[_InFlight, None] = {}
        self._states: dict[str, tuple[State, int]] = {}

    def drop(self, one: _InFlight) -> None:
        del self.events[one]
        self._states.clear()

    def state(self, feature_set: FeatureSet) -> State:
        """The state of all: what has come since it was last asked for is added to what it was then."""
        known, count = self._states.get(feature_set.name, (State(), 0))
        if count < len(self.events):
            new = islice(self.events, count, None)
            known = merged(feature_set, [known, *(one.state(feature_set) for one in new)])
            self._states[feature_set.name] = known, len(self.events)
        return known


def _advance(vector: dict[Place, int], ahead: Vector) -> None:
    for place, offset in ahead.items():
        if offset > vector.get(place, 0):
            vector[place] = offset


class Added(NamedTuple):
    """What events in flight add to an entity, and how many they are."""

    state: State
    events: int


_Index = defaultdict[Key, _Held]
_NOTHING = Added(State(), 0)


def _key(one: _InFlight, names: tuple[str, ...]) -> Key:
    """Of nobody where a part is None."""
    event = one.event
    found: list[Any] = [event.get(name) for name in names]
    return tuple(found)


class Overlay:
    """The events from `since` on that were consumed and not released, by entity.

    `sets`: whose entities will be asked for; others join when they are.
    """

    def __init__(self, sets: Iterable[FeatureSet], *, since: Vector) -> None:
        self._since = dict(since)
        self._reached = dict(since)
        self._queues: defaultdict[Place, deque[_InFlight]] = defaultdict(deque)
        self._by_keys: dict[tuple[str, ...], _Index] = {one.keys: defaultdict(_Held) for one in sets}
        self._by_user: _Index = defaultdict(_Held)

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    @property
    def reached(self) -> Vector:
        """The next offset of each partition: what lies below was consumed, with or without an event."""
        return self._reached

    def add(self, events: Iterable[Event], *, until: Vector) -> list[Event]:
        """Take in events below `until`, which was consumed to the end, and give those that are new.

        What was consumed before stays out. A partition's events come in the order of their offsets; those of
        one record come together.
        """
        new = [
            one for one in map(_InFlight, events) if one.is_beyond(self._reached) and not one.is_beyond(until)
        ]
        for one in new:
            self._keep(one)
        _advance(self._reached, until)
        return [one.event for one in new]

    def release(self, positions: Vector) -> None:
        """Let go of the events below the positions, which the store holds from now on."""
        for place, offset in positions.items():
            queue = self._queues[place]
            while queue and queue[0].offset < offset:
                self._drop(queue.popleft())
        _advance(self._since, positions)
        _advance(self._reached, positions)

    def begin(self, since: Vector) -> None:
        """Take in further partitions from there on: what is below is the store's."""
        self.leave(since)
        self._since.update(since)
        self._reached.update(since)

    def leave(self, places: Iterable[Place]) -> None:
        """Let go of partitions that are read no longer: of them only what the store has is known."""
        for place in places:
            for one in self._queues.pop(place, ()):
                self._drop(one)
            self._since.pop(place, None)
            self._reached.pop(place, None)

    def completes(self, positions: Vector) -> bool:
        """Whether a store at these positions and what is in flight leave nothing out between them.

        They do when the store was set back behind what was released, or when Kafka no longer held what the
        store lacked as reading began; until the store has caught up, nothing can be said.
        """
        return all(positions.get(place, 0) >= offset for place, offset in self._since.items())

    def added(self, feature_set: FeatureSet, key: Key, *, beyond: Vector) -> Added:
        """What is in flight of the entity that a store at these positions does not have.

        Quickest once what these positions cover has been released.
        """
        if feature_set.keys not in self._by_keys:
            self._take_in(feature_set.keys)
        held = self._by_keys[feature_set.keys].get(key)
        if held is None:
            return _NOTHING
        if all(offset <= self._since.get(place, 0) for place, offset in beyond.items()):
            return Added(held.state(feature_set), len(held.events))
        states = [one.state(feature_set) for one in held.events if one.is_beyond(beyond)]
        return Added(merged(feature_set, states), len(states))

    def count(self, asked: Iterable[tuple[FeatureSet, Key]], *, beyond: Vector) -> int:
        """How many events in flight are about any of these entities, each counted once."""
        found: set[_InFlight] = set()
        for feature_set, key in asked:
            held = self._by_keys[feature_set.keys].get(key) if feature_set.keys in self._by_keys else None
            if held is not None:
                found.update([one for one in held.events if one.is_beyond(beyond)])
        return len(found)

    def visitors(self, user: str, *, beyond: Vector) -> list[str]:
        """The visitors whom an event in flight names together with the user."""
        held = self._by_user.get((user,))
        events = held.events if held else ()
        return list(dict.fromkeys(one.event[_VISITOR] for one in events if one.is_beyond(beyond)))

    def _take_in(self, names: tuple[str, ...]) -> None:
        """Begin with entities of a set that has become live since: what is in flight counts for it, too."""
        index = self._by_keys[names] = defaultdict(_Held)
        for one in chain.from_iterable(self._queues.values()):
            key = _key(one, names)
            if None not in key:
                index[key].events[one] = None

    def _keep(self, one: _InFlight) -> None:
        self._queues[one.place].append(one)
        for index, key in self._indexed(one):
            index[key].events[one] = None

    def _drop(self, one: _InFlight) -> None:
        for index, key in self._indexed(one):
            index[key].drop(one)
            if not index[key].events:
                del index[key]

    def _indexed(self, one: _InFlight) -> Iterable[tuple[_Index, Key]]:
        for names, index in self._by_keys.items():
            key = _key(one, names)
            if None not in key:
                yield index, key
        user = one.event.get(_USER)
        if user is not None:
            yield self._by_user, (user,)
