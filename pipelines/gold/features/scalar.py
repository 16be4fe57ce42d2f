"""The plain interpreter, one event at a time: what the scorer keeps, and what the others are held to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.gold.features.aggregates.sums import quotient
from pipelines.gold.features.feature_set import LAST_AT, PURCHASES, FeatureSet, Ttl
from pipelines.gold.features.monoids import Element
from pipelines.gold.features.values import Event
from pipelines.gold.features.windows import LIFETIME, MICROS, Window

Elements = Mapping[str, Element]
Tile = tuple[int, int]
"""Length in seconds, and start in UTC microseconds."""
_DAY = 86_400 * MICROS


@dataclass(frozen=True)
class State:
    """What is known of one entity: elements by feature, over all its time and by tile."""

    lifetime: Elements = field(default_factory=dict)
    tiles: Mapping[Tile, Elements] = field(default_factory=dict)


def key_of(feature_set: FeatureSet, event: Event) -> tuple[str, ...] | None:
    """The entity that an event is about; None when it names none."""
    key = tuple([event.get(name) for name in feature_set.keys])
    return None if None in key else key  # type: ignore[return-value]


def state_of(feature_set: FeatureSet, event: Event) -> State:
    """The state of an entity of which this event is all that is known."""
    occurred, lifted = event["occurred_at"], _lifted(feature_set, event)
    lifetime: Elements = {}
    tiles: dict[Tile, Elements] = {}
    for names, hops in feature_set.hops_by_features.items():
        elements = {name: element for name, element in lifted.items() if name in names}
        for hop in hops:
            if hop:
                length = hop * MICROS
                tiles[hop, occurred // length * length] = elements
            else:
                lifetime = elements
    return State(lifetime, tiles)


def merged(feature_set: FeatureSet, states: Iterable[State]) -> State:
    """The states of one entity, or of several that are read as one, as one."""
    found = [*states]
    if len(found) == 1:
        return found[0]
    tiles: dict[Tile, list[Elements]] = {}
    for state in found:
        for tile, elements in state.tiles.items():
            tiles.setdefault(tile, []).append(elements)
    return State(
        added(feature_set, [state.lifetime for state in found]),
        {tile: added(feature_set, held) for tile, held in tiles.items()},
    )


def added(feature_set: FeatureSet, several: Sequence[Elements]) -> Elements:
    """The elements of several as one."""
    if len(several) == 1:
        return several[0]
    if len(several) == 2:
        return _sum(feature_set, *several)
    held: dict[str, list[Element]] = {}
    for elements in several:
        for name, element in elements.items():
            if name in held:
                held[name].append(element)
            else:
                held[name] = [element]
    monoids = feature_set.monoids
    return {name: one[0] if len(one) == 1 else monoids[name].merge_all(one) for name, one in held.items()}


def values(feature_set: FeatureSet, state: State, *, at: int) -> dict[str, Any]:
    """Every output column at a moment, in UTC microseconds. An entity that has expired is unknown."""
    known = State() if is_expired(feature_set.ttl, state.lifetime, at=at) else state
    found: dict[str, Any] = {}
    for window in (LIFETIME, *feature_set.windows):
        found |= _values(feature_set, window, _over(feature_set, window, known, at), at)
    return found


def is_expired(ttl: Ttl, lifetime: Elements, *, at: int) -> bool:
    """Whether the entity's last event is longer ago than its time to live; so is one without events."""
    if LAST_AT.name not in lifetime:
        return True
    has_bought = PURCHASES.name in lifetime and lifetime[PURCHASES.name][0] > 0
    days = ttl.days_after_purchase if has_bought and ttl.days_after_purchase is not None else ttl.days
    last: int = lifetime[LAST_AT.name][0]
    return at > last + int(days * _DAY)


def _sum(feature_set: FeatureSet, one: Elements, other: Elements) -> Elements:
    if not one or not other:
        return one or other
    monoids, sums = feature_set.monoids, {**one}
    for name, element in other.items():
        held = sums.get(name)
        sums[name] = element if held is None else monoids[name].merge(held, element)
    return sums


def _lifted(feature_set: FeatureSet, event: Event) -> Elements:
    found: dict[str, Element] = {}
    for part in feature_set.counting.parts_of(event):
        element = part.aggregate.element(event)
        if element is not None:
            found[part.feature] = element
    return found


def _over(feature_set: FeatureSet, window: Window, state: State, at: int) -> Elements:
    if window is LIFETIME:
        return state.lifetime
    tiles = [state.tiles.get((window.hop, start), {}) for start in window.tiles(at)]
    return added(feature_set, tiles)


def _values(feature_set: FeatureSet, window: Window, elements: Elements, at: int) -> dict[str, Any]:
    found = {
        one.name: one.aggregate.finish(elements.get(one.name), at)
        for one in feature_set.features
        if window in one.windows
    }
    for ratio in feature_set.ratios_over(window):
        above, below = found[ratio.above], found[ratio.below]
        found[ratio.name] = quotient(above, below) if below and above is not None else None
    return {window.named(name): value for name, value in found.items()}
