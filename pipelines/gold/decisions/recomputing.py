"""What a logged decision knew, set by set, to be computed again from events: whose, below which positions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from pipelines.contracts.positions import Vector, flat
from pipelines.gold.features.comparing import LoggedRead
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.scalar import key_of, merged, state_of, values
from pipelines.gold.features.values import Event

Row = Mapping[str, Any]
Key = tuple[str, ...]
_VISITOR, _USER = "visitor_id", "user_id"


@dataclass(frozen=True)
class Logged:
    """A decision as it was logged. `at` in UTC microseconds; `owners`: visitors whom its user stood for."""

    decision_id: str
    keys: Mapping[str, str | None]
    at: int
    positions: Vector
    features: Mapping[str, Any]
    set_versions: Mapping[str, int]
    added: Sequence[Event]
    owners: Sequence[str] = field(default=())

    @classmethod
    def of(cls, row: Row, *, at: int, links: Mapping[str, Sequence[Row]]) -> "Logged":
        """Of a silver row, its asking event excluded by the event's own offset.

        `links`: user → events that name a visitor and the user.
        """
        positions = flat(msgspec.json.decode(row["positions"]))
        place = (row["about_topic"], row["about_partition"])
        if row["about_offset"] is not None:
            positions[place] = min(row["about_offset"], positions.get(place, 0))
        keys = {name: row[name] for name in (_VISITOR, _USER, "session_id", "product_id")}
        added = msgspec.json.decode(row["added_events"] or "[]")
        linking = [one for one in links.get(row[_USER] or "", ()) if is_below(positions, one)]
        linking += [one for one in added if row[_USER] is not None and one.get(_USER) == row[_USER]]
        return cls(
            row["event_id"],
            keys,
            at,
            positions,
            msgspec.json.decode(row["features"]),
            msgspec.json.decode(row["set_versions"] or "{}"),
            added,
            list(dict.fromkeys(one[_VISITOR] for one in linking)),
        )


def is_below(positions: Vector, event: Row) -> bool:
    """Whether the event lies below the positions."""
    return bool(event["offset"] < positions.get((event["topic"], event["partition"]), 0))


class Asked(NamedTuple):
    """What a set was asked by a decision: the entity's key, a user in the visitor's place where `is_by_user`.

    `key` is None where the decision does not name one: then the set knows nothing.
    """

    decision: Logged
    key: Key | None
    is_by_user: bool

    def read(self, feature_set: FeatureSet) -> LoggedRead:
        """As a read of that set."""
        prefix = f"{feature_set.name}__"
        told = {
            name.removeprefix(prefix): value
            for name, value in self.decision.features.items()
            if name.startswith(prefix)
        }
        one = self.decision
        return LoggedRead(one.decision_id, self.key or (), one.at, one.positions, told)


def asked_of(feature_set: FeatureSet, decisions: Sequence[Logged]) -> Iterator[Asked]:
    """What the set was asked by each decision that saw this version of it."""
    for one in decisions:
        if one.set_versions.get(feature_set.name) != feature_set.version:
            continue
        by_user = feature_set.entity.by_user and bool(one.owners)
        keys = {**one.keys, _VISITOR: one.keys[_USER]} if by_user else one.keys
        key = tuple(keys.get(name) or "" for name in feature_set.keys)
        yield Asked(one, key if all(key) else None, by_user)


def entities(feature_set: FeatureSet, asked: Asked) -> list[Key]:
    """The set's own entities that were read as one."""
    if asked.key is None or not asked.is_by_user:
        return [] if asked.key is None else [asked.key]
    place = feature_set.keys.index(_VISITOR)
    return [(*asked.key[:place], one, *asked.key[place + 1 :]) for one in asked.decision.owners]


def recomputed(feature_set: FeatureSet, asked: Asked, events: pa.Table) -> dict[str, Any]:
    """The set's columns by these events of its entities and those that the caller told of, one by one.

    An event that the caller told of and that lies below the positions counts once.
    """
    positions, keys = asked.decision.positions, entities(feature_set, asked)
    seen = [one for one in events.to_pylist() if is_below(positions, one)]
    mine = [one for one in seen if key_of(feature_set, one) in keys]
    had = {(one[_VISITOR], one["event_id"]) for one in seen}
    for one in asked.decision.added:
        name = (one[_VISITOR], one["event_id"])
        if name not in had and key_of(feature_set, one) in keys:
            mine.append(one)
        had.add(name)
    state = merged(feature_set, (state_of(feature_set, one) for one in mine))
    return values(feature_set, state, at=asked.decision.at)
