"""The tables of a feature set in Postgres, declared from its definition.

`features.<set>_v<version>` holds a row per entity, what is known over all its time, and
`features.<set>_v<version>_<hop>s` a row per entity and tile of `hop` seconds. Both hold the monoids'
columns as they are, and the newest batch that added to the row.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import NamedTuple

import pyarrow as pa

from pipelines.contracts.topics import all_topics
from pipelines.errors import SettingsError
from pipelines.gold.features.feature_set import FeatureSet, Part
from pipelines.gold.features.partials import TILE

SCHEMA = "features"
BATCH = "batch_id"
_LONGEST_NAME = 63
_KEY = "_key"
_PLAIN_IDS = 2
_TYPES = {
    pa.int64(): "bigint",
    pa.string(): "text",
    pa.list_(pa.int64()): "bigint[]",
    pa.list_(pa.string()): "text[]",
}


class Column(NamedTuple):
    """A column and its type in Postgres."""

    name: str
    type: str


class Stored(NamedTuple):
    """A table of a feature set. `hop` in seconds, 0 of the lifetimes."""

    name: str
    hop: int
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    parts: tuple[Part, ...]

    @property
    def is_tiled(self) -> bool:
        """Whether its rows are tiles."""
        return self.hop > 0

    @property
    def address(self) -> str:
        """Its name in a statement."""
        return f"{SCHEMA}.{quoted(self.name)}"

    @property
    def index_name(self) -> str:
        """The name of the index of what names a row."""
        return quoted(self.name + _KEY)

    @property
    def row_key(self) -> tuple[str, ...]:
        """The columns that name a row."""
        return (*self.keys, TILE) if self.is_tiled else self.keys

    @property
    def digested(self) -> frozenset[str]:
        """Keys of which the index holds a digest: a row of it holds two ids in full, and no long text."""
        ids = [key for key in self.keys if key in _ids()]
        return frozenset(self.keys) - {*ids[:_PLAIN_IDS]}

    @property
    def indexed(self) -> str:
        """What is unique, as a list of expressions."""
        return ", ".join(digest(quoted(one)) if one in self.digested else quoted(one) for one in self.row_key)

    @property
    def values(self) -> tuple[str, ...]:
        """The columns of its parts."""
        return tuple(chain.from_iterable(part.columns for part in self.parts))

    def declared(self, column: Column) -> str:
        """The column as a table declares it; keys sort by code points, whatever the locale."""
        collation = ' collate "C"' if column.name in self.keys else ""
        needed = " not null" if column.name in (*self.row_key, BATCH) else ""
        return f"{quoted(column.name)} {column.type}{collation}{needed}"


@lru_cache(maxsize=256)
def tables_of(feature_set: FeatureSet) -> tuple[Stored, ...]:
    """The table of the lifetimes, then one a hop, the finest first.

    Raises `SettingsError` for a name that Postgres would cut, and for one that is there twice.
    """
    base = f"{feature_set.name}_v{feature_set.version}"
    lifetimes = _table(feature_set, base, 0, feature_set.lifetime_parts)
    hops = [
        _table(feature_set, f"{base}_{hop}s", hop, feature_set.tile_parts(hop)) for hop in feature_set.hops
    ]
    return (lifetimes, *hops)


def quoted(name: str) -> str:
    """A name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a constant of SQL."""
    return "'" + text.replace("'", "''") + "'"


def listed(names: Sequence[str]) -> str:
    """Names as a list of columns."""
    return ", ".join(map(quoted, names))


def digest(expression: str) -> str:
    """The digest of a text."""
    return f"md5({expression})"


@cache
def _ids() -> frozenset[str]:
    """Columns that are ids, whose length is bounded for an index's sake."""
    fields = [one for topic in all_topics().values() for one in (*topic.fields, *topic.lines)]
    return frozenset(one.name for one in fields if one.kind == "id")


def _table(feature_set: FeatureSet, name: str, hop: int, parts: tuple[Part, ...]) -> Stored:
    keys = [Column(key, "text") for key in feature_set.keys]
    tile = [Column(TILE, "bigint")] if hop else []
    values = [
        Column(column, _TYPES[kind])
        for part in parts
        for column, (_, kind) in zip(part.columns, part.aggregate.monoid.columns, strict=True)
    ]
    columns = (*keys, *tile, *values, Column(BATCH, "bigint"))
    _check_names(feature_set, [name, *(column.name for column in columns)])
    return Stored(name, hop, feature_set.keys, columns, parts)


def _check_names(feature_set: FeatureSet, names: Sequence[str]) -> None:
    for name in names:
        if len(name.encode()) > _LONGEST_NAME - len(_KEY):
            raise SettingsError(
                f"feature set {feature_set.name}: {name} is longer than {_LONGEST_NAME - len(_KEY)} bytes, "
                "too long for a name in Postgres; shorten the name of the set or of the feature."
            )
        if names[1:].count(name) > 1:
            raise SettingsError(
                f"feature set {feature_set.name}: a feature must not be called {name}; "
                "a key or a column of the store has that name already."
            )
