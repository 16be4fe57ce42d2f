"""Reading the online store: states as of one snapshot, with what the store covers in that snapshot."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from psycopg2.errors import UndefinedTable
from psycopg2.extensions import cursor as Cursor

from pipelines.contracts.positions import Vector, flat
from pipelines.errors import LakeError
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.partials import TILE
from pipelines.gold.features.scalar import Elements, State, Tile, merged
from pipelines.runtime.features.layout import BATCH, Stored, digest, quoted, tables_of

VISITOR, USER = "visitor_id", "user_id"
_COVERED = ("batch_id", "positions::text", "is_exact")
_LIFETIME: Tile = (0, 0)
_PLACE = ("place", "hop", TILE)


class Read(NamedTuple):
    """One entity as the store knows it; `scalar.values` gives its columns.

    `batch_id`, `positions`, `is_exact` are of the newest batch that the store covers: null, none and
    true before the first.
    """

    key: tuple[str, ...]
    state: State
    batch_id: int | None
    positions: Vector
    is_exact: bool


class _Covered(NamedTuple):
    batch_id: int | None = None
    positions: Vector = {}  # noqa: RUF012 - a vector is never changed
    is_exact: bool = True


def read(cursor: Cursor, feature_set: FeatureSet, keys: Sequence[tuple[str, ...]], *, at: int) -> list[Read]:
    """The entities of these keys, in their order, with the tiles that windows at `at` need.

    `at` in UTC microseconds. One statement, so one snapshot. An entity that is not there has an empty
    state. Raises `LakeError` when the set is not in Postgres.
    """
    return _read(cursor, feature_set, keys, at=at, by_user=False)


def read_users(
    cursor: Cursor, feature_set: FeatureSet, keys: Sequence[tuple[str, ...]], *, at: int
) -> list[Read]:
    """As `read`, of a set kept by visitor and read by user: keys hold a user where the set has a visitor.

    A user's state is that of all visitors who are linked to them, merged.
    """
    return _read(cursor, feature_set, keys, at=at, by_user=True)


def _read(
    cursor: Cursor, feature_set: FeatureSet, keys: Sequence[tuple[str, ...]], *, at: int, by_user: bool
) -> list[Read]:
    columns = zip(*keys, strict=True) if keys else [()] * len(feature_set.keys)
    wanted = {f"key_{number}": list(values) for number, values in enumerate(columns)}
    try:
        cursor.execute(_statement(feature_set, by_user), wanted | _bounds(feature_set, at))
    except UndefinedTable:
        raise LakeError(
            f"feature set {feature_set.name}, version {feature_set.version}, is not in Postgres; "
            "it is made by the query update_features and, over all history, by the job build_features."
        ) from None
    covered, found = _Covered(), _Found(feature_set)
    for row in cursor:
        if row[0] is None:
            covered = _Covered(row[3], flat(msgspec.json.decode(row[4])), row[5])
        else:
            found.add(row)
    return [Read(key, found.state(place), *covered) for place, key in enumerate(keys, 1)]


class _Found:
    """The rows that were read, gathered into states by the place of their key."""

    def __init__(self, feature_set: FeatureSet) -> None:
        self._set = feature_set
        self._parts = {table.hop: list(_places(feature_set, table)) for table in tables_of(feature_set)}
        self._rows: defaultdict[int, defaultdict[Tile, list[Elements]]] = defaultdict(
            lambda: defaultdict(list)
        )

    def add(self, row: Sequence[Any]) -> None:
        place, hop, tile, *_ = row
        elements = {name: tuple(row[part]) for name, part in self._parts[hop] if row[part.start] is not None}
        self._rows[place][hop, tile].append(elements)

    def state(self, place: int) -> State:
        """Its rows as one state: of a user, those of several visitors."""
        rows: Mapping[Tile, list[Elements]] = self._rows.get(place, {})
        visitors = max((len(held) for held in rows.values()), default=0)
        return merged(self._set, (_layer(rows, number) for number in range(visitors)))


def _layer(rows: Mapping[Tile, Sequence[Elements]], number: int) -> State:
    held = {tile: found[number] for tile, found in rows.items() if number < len(found)}
    return State(held.pop(_LIFETIME, {}), held)


def _places(feature_set: FeatureSet, table: Stored) -> Iterator[tuple[str, slice]]:
    """Where a row of the answer holds each part of the table."""
    names = list(_values(feature_set))
    before = len(_PLACE) + len(_COVERED)
    for part in table.parts:
        first = before + names.index(part.columns[0])
        yield part.feature, slice(first, first + len(part.columns))


def _values(feature_set: FeatureSet) -> dict[str, str]:
    """Every column of any table's parts and its type."""
    found: dict[str, str] = {}
    for table in tables_of(feature_set):
        values = set(table.values)
        found |= {column.name: column.type for column in table.columns if column.name in values}
    return found


def _bounds(feature_set: FeatureSet, at: int) -> dict[str, int]:
    """The first and the last tile of each hop that some window at that moment holds."""
    found: dict[str, int] = {}
    for hop in feature_set.hops:
        tiles = [window.tiles(at) for window in feature_set.windows if window.hop == hop]
        found |= {f"first_{hop}": min(one[0] for one in tiles), f"last_{hop}": max(one[-1] for one in tiles)}
    return found


@lru_cache(maxsize=256)
def _statement(feature_set: FeatureSet, by_user: bool) -> str:
    numbers = range(len(feature_set.keys))
    arrays = ", ".join(f"%(key_{number})s::text[]" for number in numbers)
    names = ", ".join(f"key_{number}" for number in numbers)
    nothing = ", ".join(f"null::{type_}" for type_ in _values(feature_set).values())
    newest = f"select * from features.batches order by {BATCH} desc limit 1"
    answers = [
        f"select null::bigint, null::integer, null::bigint, {', '.join(_COVERED)}, {nothing} "
        f"from ({newest}) as newest",
        *(_rows_of(feature_set, table, by_user) for table in tables_of(feature_set)),
    ]
    return (
        f"with wanted ({names}, place) as (select * from unnest({arrays}) with ordinality) "
        + " union all ".join(answers)
    )


def _rows_of(feature_set: FeatureSet, table: Stored, by_user: bool) -> str:
    there = set(table.values)
    columns = ", ".join(
        f"stored.{quoted(name)}" if name in there else f"null::{type_}"
        for name, type_ in _values(feature_set).items()
    )
    asked = {key: f"wanted.key_{number}" for number, key in enumerate(feature_set.keys)}
    links = ""
    if by_user:
        links = f"join features.links as links on links.{USER} = {asked[VISITOR]} "
        asked[VISITOR] = f"links.{VISITOR}"
    on = [f"stored.{quoted(key)} = {value}" for key, value in asked.items()]
    on += [f"{digest(f'stored.{quoted(key)}')} = {digest(asked[key])}" for key in sorted(table.digested)]
    if table.is_tiled:
        on.append(f"stored.{TILE} between %(first_{table.hop})s and %(last_{table.hop})s")
    tile = f"stored.{TILE}" if table.is_tiled else "0::bigint"
    return (
        f"select wanted.place, {table.hop}, {tile}, null::bigint, null::text, null::boolean, {columns} "
        f"from wanted {links}join {table.address} as stored on {' and '.join(on)}"
    )
