"""Which entities of a set a question is about."""

from collections.abc import Mapping, Sequence

from pipelines.contracts.positions import Vector
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.overlay import Key
from pipelines.gold.features.values import Event
from pipelines.runtime.features.reading import USER, VISITOR

Keys = Mapping[str, str | None]
"""Column → what it names, where that is known."""
Entity = tuple[str, Key]
"""A set's name and what it is asked about; of sets read by user the user comes before the set's own keys."""


def visitor_of(keys: Keys) -> tuple[str, ...]:
    """The visitor who asks, where there is one."""
    visitor = keys.get(VISITOR)
    return () if visitor is None else (visitor,)


def entity_of(feature_set: FeatureSet, keys: Keys) -> Entity:
    """Under what the answer for these keys is kept."""
    user = keys.get(USER) if feature_set.entity.by_user else None
    return feature_set.name, (user or "", *(keys.get(key) or "" for key in feature_set.keys))


def entities_of(feature_set: FeatureSet, keys: Keys, owners: Sequence[str]) -> list[Key]:
    """The set's entities that are read as one: of several `owners`, where a user stands for several visitors.

    None where the keys do not name one.
    """
    visitors = owners if feature_set.entity.by_user else visitor_of(keys) or ("",)
    found: list[Key] = []
    for visitor in visitors:
        key = tuple(visitor if name == VISITOR else keys.get(name) or "" for name in feature_set.keys)
        if all(key):
            found.append(key)
    return found


def covers(positions: Vector, event: Event) -> bool:
    """Whether the positions have passed the event."""
    offset: int = event["offset"]
    return positions.get((event["topic"], event["partition"]), 0) > offset
