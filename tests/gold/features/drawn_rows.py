"""Rows that make the features of any set say something: drawn from what its definition looks for."""

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import pyarrow as pa

from pipelines.gold.features.event import EVENT
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.values import KINDS_OF_EVENTS, Either, Field, Property, Value, Where
from tests.gold.features.shop import BEGIN, DAY

Rows = list[dict[str, Any]]
_FEW = ("a", "b", "é", None)


def drawn_events(feature_set: FeatureSet, random: Random, *, count: int) -> Rows:
    """Events of few entities over forty days, in the order of their arrival: many are late, some early."""
    looked_for = _looked_for(feature_set)
    return [_event(number, looked_for, random) for number in range(count)]


def _event(number: int, looked_for: dict[str, list[Any]], random: Random) -> dict[str, Any]:
    known_at = BEGIN + number * DAY // 2
    late = random.choice([0, 0, -200_000_000, 300_000_000, 3_600_000_000, 2 * DAY, 20 * DAY])
    values = {name: random.choice([*_FEW, *looked_for.get(name, ())]) for name in EVENT.names}
    return values | {
        "kind": random.choice([*looked_for.get("kind", ()), *looked_for.get("kind", ()), *KINDS_OF_EVENTS]),
        "event_id": f"{random.choice('aZé')}{number}",
        "occurred_at": known_at - late,
        "visitor_id": random.choice("vvw"),
        "session_id": random.choice(["s", "s", None]),
        "price_minor": random.choice([None, 0, 5, 10**9]),
        "quantity": random.choice([None, 0, 3]),
        "properties": _properties(looked_for.get("properties", []), random),
        "partition": 0,
        "offset": number,
        "ingested_at": known_at,
        "known_at": known_at,
    }


def _properties(paths: list[str], random: Random) -> str | None:
    found: dict[str, Any] = {}
    for path in paths:
        inner = found
        *outer, name = path.split(".")
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[name] = random.choice([None, True, 1, 40, "a", -1])
    return msgspec.json.encode(found).decode() if found and random.random() < 0.8 else None


def _looked_for(feature_set: FeatureSet) -> dict[str, list[Any]]:
    """By column what the set's conditions name; of `properties` the paths."""
    found: dict[str, list[Any]] = {}
    for part in feature_set.parts:
        value: Value | None = getattr(part.aggregate, "value", None)
        if isinstance(value, Property):
            found.setdefault("properties", []).append(value.path)
        for where in _each(part.aggregate.where):
            found.setdefault("kind", []).extend(where.kinds)
            for looked_at, wanted in where.equal:
                if isinstance(looked_at, Property):
                    found.setdefault("properties", []).append(looked_at.path)
                elif isinstance(looked_at, Field):
                    found.setdefault(looked_at.name, []).append(wanted)
    return found


def _each(where: Where) -> Iterator[Where]:
    yield where
    for one in where.of if isinstance(where, Either) else ():
        yield from _each(one)


def spine_of(feature_set: FeatureSet, rows: Rows, *, clock: str) -> pa.Table:
    """A row about the entity of each of these events, at the moment when the clock shows the event."""
    named = [row for row in rows if None not in [row[key] for key in feature_set.keys]]
    by_time = clock == "occurred"
    columns: dict[str, Any] = {
        key: pa.array([row[key] for row in named], pa.string()) for key in feature_set.keys
    }
    at = [row["occurred_at" if by_time else "known_at"] for row in named]
    seen = at if by_time else [row["offset"] for row in named]
    ids = [row["event_id"] if by_time else "" for row in named]
    return pa.table(
        columns
        | {"at": pa.array(at, pa.int64()), "seen_at": pa.array(seen, pa.int64())}
        | {"event_id": pa.array(ids, pa.string())}
    )


def visible(rows: Rows, *, clock: str) -> pa.Table:
    """The events, and by what number the clock shows them."""
    table = pa.Table.from_pylist(rows, schema=EVENT)
    return table.append_column("visible_at", table["occurred_at" if clock == "occurred" else "offset"])
