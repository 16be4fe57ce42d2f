"""The online store held against plain Python: every feature of every entity that silver knows."""

from collections import defaultdict
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from deltalake import DeltaTable
from psycopg2.extensions import cursor as Cursor

from pipelines.connectors.ledger import newest_entry
from pipelines.connectors.names import UPDATE_FEATURES, Names
from pipelines.connectors.postgres import PostgresAddress, open_connection
from pipelines.contracts.positions import Vector
from pipelines.errors import LakeError
from pipelines.gold.features.event import TABLES, of_rows
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.scalar import State, key_of, merged, state_of, values
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.going_live import exact_positions
from pipelines.runtime.features.layout import tables_of
from pipelines.runtime.features.reading import read

Event = dict[str, Any]
_KEYS_AT_ONCE = 500
_LATER = 60_000_000
"""Microseconds after the last event at which values are compared: windows hold all of the end."""


@dataclass
class Held:
    """What was compared: entities and values of all sets, and one that differs.

    `extra`: entities of the store that no event is about.
    """

    entities: int = 0
    values: int = 0
    different: int = 0
    extra: int = 0
    example: str | None = None

    def as_data(self) -> dict[str, Any]:
        """As JSON data; `ok` when nothing differs and nothing is extra."""
        return {"ok": not (self.different or self.extra), **asdict(self)}


def compare_store(names: Names, address: PostgresAddress) -> Held:
    """Compare what the store says with what the events below its positions add up to, one by one."""
    held = Held()
    with closing(open_connection(address, application="compare_store")) as connection:
        connection.set_session(readonly=True, isolation_level="REPEATABLE READ")
        with connection, connection.cursor() as cursor:
            events = _events(names, _covered(cursor))
            at = max((one["occurred_at"] for one in events), default=0) + _LATER
            for feature_set in all_sets().values():
                _compare(cursor, feature_set, _states(feature_set, events), at, held)
    return held


def _covered(cursor: Cursor) -> Vector:
    """What the store covers. Raises `LakeError` when that cannot be said exactly."""
    entry = newest_entry(cursor, UPDATE_FEATURES)
    positions = exact_positions(cursor, entry.batch_id) if entry else None
    if positions is None:
        raise LakeError("update_features has no batch yet, or is within a commit of silver: compare later.")
    return positions


def _events(names: Names, until: Vector) -> list[Event]:
    """Every feature event of silver below the positions."""
    found = [
        event
        for table in TABLES
        for event in of_rows(table, DeltaTable(names.table(table)).to_pyarrow_table())
    ]
    return [one for one in found if one["offset"] < until.get((one["topic"], one["partition"]), 0)]


def _states(feature_set: FeatureSet, events: list[Event]) -> dict[tuple[str, ...], State]:
    parts: defaultdict[tuple[str, ...], list[State]] = defaultdict(list)
    for event in events:
        key = key_of(feature_set, event)
        if key is not None:
            parts[key].append(state_of(feature_set, event))
    return {key: merged(feature_set, states) for key, states in parts.items()}


def _compare(
    cursor: Cursor, feature_set: FeatureSet, states: dict[tuple[str, ...], State], at: int, held: Held
) -> None:
    keys = list(states)
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        for one in read(cursor, feature_set, keys[start : start + _KEYS_AT_ONCE], at=at):
            wanted = values(feature_set, states[one.key], at=at)
            found = values(feature_set, one.state, at=at)
            differing = [name for name, value in wanted.items() if found[name] != value]
            held.entities += 1
            held.values += len(wanted)
            held.different += len(differing)
            if differing and held.example is None:
                name = differing[0]
                held.example = f"{feature_set.name} {one.key}: {name} is {found[name]}, not {wanted[name]}"
    cursor.execute(f"select count(*) from {tables_of(feature_set)[0].address}")
    held.extra += (cursor.fetchone() or (0,))[0] - len(keys)
