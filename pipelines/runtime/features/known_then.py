"""What was known of one entity at a moment gone by: recomputed from what silver had by then."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from pipelines.connectors.lake_reader import LakeReader
from pipelines.contracts.clock import moment
from pipelines.contracts.lake import IDENTITIES, silver_tables
from pipelines.contracts.positions import Vector
from pipelines.errors import LakeError
from pipelines.gold.features.event import COLUMNS, TABLES, of_row, table_of
from pipelines.gold.features.feature_set import FeatureSet, Part
from pipelines.gold.features.partials import TILE, lifetimes, partials_of, tiles
from pipelines.gold.features.scalar import Elements, State, Tile
from pipelines.runtime.features.known import About, Known
from pipelines.runtime.features.reading import USER, VISITOR

_TIMES = ("occurred_at", "ingested_at", "known_at")
_OF_LINES = ("event_type", "status", "line_number", "unit_price_minor")
_BELOW = '(topic = ? and partition = ? and "offset" < ?)'


class _Seen(NamedTuple):
    """Which rows of silver are seen: a condition and what its marks stand for."""

    condition: str
    parameters: list[Any]


def known_then(
    lake: LakeReader, asked: About, key: Sequence[str], *, at: int, below: Vector | None = None
) -> list[Known]:
    """What each set says of an entity by what had arrived before `at`, in UTC microseconds.

    Of a user: what is known of the visitors who were linked to them by then. `below`: by what lies below
    these positions instead, as a batch of the online store covers it. Raises `LakeError` where silver is
    empty.
    """
    absent = {*TABLES, IDENTITIES.name} - {*lake.tables}
    if absent:
        raise LakeError(f"the lake has no {', '.join(sorted(absent))} yet: run `clicklake demo`.")
    events = table_of(_events(lake, asked, key, _arrived(at) if below is None else _covered(below)))
    if asked.by_user:
        place = events.column_names.index(VISITOR)
        events = events.set_column(place, VISITOR, _same(key[asked.keys.index(USER)], events.num_rows))
    return [Known(one, state_of_all(one, events), at) for one in asked.sets]


def state_of_all(feature_set: FeatureSet, events: pa.Table) -> State:
    """The state of the one entity that all these events are about."""
    partials = partials_of(feature_set, events)
    whole = lifetimes(feature_set, partials).to_pylist()
    held: dict[Tile, Elements] = {
        (hop, row[TILE]): _elements(row, feature_set.tile_parts(hop))
        for hop in feature_set.hops
        for row in tiles(feature_set, partials, hop=hop).to_pylist()
    }
    return State(_elements(whole[0], feature_set.lifetime_parts) if whole else {}, held)


def _arrived(at: int) -> _Seen:
    return _Seen("known_at < ?", [moment(at)])


def _covered(below: Vector) -> _Seen:
    places = [[topic, partition, offset] for (topic, partition), offset in below.items()]
    condition = " or ".join(_BELOW for _ in places) or "false"
    return _Seen(f"({condition})", [part for place in places for part in place])


def _events(lake: LakeReader, asked: About, key: Sequence[str], seen: _Seen) -> Iterator[dict[str, Any]]:
    wanted: dict[str, list[str]] = {name: [one] for name, one in zip(asked.keys, key, strict=True)}
    if asked.by_user:
        linked = f"select distinct {VISITOR} from {IDENTITIES.name} where {USER} = ? and {seen.condition}"
        (user,) = wanted.pop(USER)
        wanted[VISITOR] = [row[VISITOR] for row in lake.rows(linked, [user, *seen.parameters])]
    where = " and ".join(f"list_contains(?, {name})" for name in wanted)
    for table in TABLES:
        statement = f"select {_selected(table)} from {table} where {where} and {seen.condition}"
        for row in lake.rows(statement, [*wanted.values(), *seen.parameters]):
            event = of_row(table, row)
            if event is not None:
                yield event


def _selected(table: str) -> str:
    """The columns that a feature event is made from; times as UTC microseconds."""
    there = [one.name for one in silver_tables()[table].columns if one.name in {*COLUMNS, *_OF_LINES}]
    return ", ".join(f'epoch_us("{name}") as "{name}"' if name in _TIMES else f'"{name}"' for name in there)


def _same(text: str, count: int) -> pa.Array:
    return pa.array([text] * count, pa.string())


def _elements(row: dict[str, Any], parts: Sequence[Part]) -> Elements:
    """The parts that are not the unit."""
    return {
        part.feature: tuple(row[name] for name in part.columns)
        for part in parts
        if row[part.columns[0]] is not None
    }
