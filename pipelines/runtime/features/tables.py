"""Making the tables of feature sets in Postgres, and noting which sets are there."""

import inspect
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from pipelines.contracts.positions import Vector, flat, nested
from pipelines.errors import LakeError
from pipelines.gold.features.aggregates import Aggregate
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.partials import TILE
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.layout import SCHEMA, Stored, literal, tables_of

_COLUMNS = """
select attname, format_type(atttypid, null)
from pg_attribute
where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped
order by attnum
"""
_ROOM = 60  # per cent of a page that inserts fill: an update that finds room there touches no index
_NOTE = """
insert into features.sets (name, version, definition, ttl_days, ttl_days_after_purchase)
values (%s, %s, %s, %s, %s)
on conflict (name, version) do update
set ttl_days = excluded.ttl_days, ttl_days_after_purchase = excluded.ttl_days_after_purchase
returning definition
"""
_COVER = """
update features.sets set covered_until_batch = %s, positions = %s where name = %s and version = %s
"""
_SETS = """
select name, version, covered_until_batch, positions, live_from_batch
from features.sets
order by name, version
"""


class StoredSet(NamedTuple):
    """A version of a set in Postgres; null: no history, or none yet; not live yet."""

    name: str
    version: int
    covered_until_batch: int | None
    positions: Vector
    live_from_batch: int | None


def make_tables(cursor: Cursor, feature_set: FeatureSet) -> None:
    """Make the tables that are missing, and note the set; doing it twice is harmless.

    Raises `LakeError` when the set in Postgres, or a table of it, is of another definition under the same
    version, `SettingsError` as `tables_of`.
    """
    tables = tables_of(feature_set)
    named, ttl = (feature_set.name, feature_set.version), feature_set.ttl
    cursor.execute(_NOTE, (*named, definition_of(feature_set), ttl.days, ttl.days_after_purchase))
    if cursor.fetchone() != (definition_of(feature_set),):
        raise _otherwise(feature_set, "its definition")
    for table in tables:
        cursor.execute(_made(feature_set, table))
        cursor.execute(_COLUMNS, (table.address,))
        if cursor.fetchall() != [tuple(column) for column in table.columns]:
            raise _otherwise(feature_set, f"the table {SCHEMA}.{table.name}")


def note_covered(cursor: Cursor, feature_set: FeatureSet, *, until_batch: int, positions: Vector) -> None:
    """Note that the set's history is built up to that batch of update_features, and live from the next."""
    key = (feature_set.name, feature_set.version)
    cursor.execute(_COVER, (until_batch, Json(nested(positions)), *key))


def stored_sets(cursor: Cursor) -> list[StoredSet]:
    """Every version of every set that is in Postgres."""
    cursor.execute(_SETS)
    return [
        StoredSet(name, version, batch, flat(found or {}), live)
        for name, version, batch, found, live in cursor
    ]


def live_sets(cursor: Cursor) -> list[FeatureSet]:
    """The sets, in their present version, that take part in batches."""
    live = {(one.name, one.version) for one in stored_sets(cursor) if one.live_from_batch is not None}
    return [one for one in all_sets().values() if (one.name, one.version) in live]


def empty_tables(cursor: Cursor, feature_set: FeatureSet) -> None:
    """Forget every entity of the set, as before it is filled anew. Waits for whoever reads it."""
    cursor.execute(f"truncate {', '.join(table.address for table in tables_of(feature_set))}")


def drop_tables(cursor: Cursor, feature_set: FeatureSet) -> None:
    """Take this version of the set out of Postgres."""
    for table in tables_of(feature_set):
        cursor.execute(f"drop table if exists {table.address}")
    cursor.execute(
        "delete from features.sets where name = %s and version = %s",
        (feature_set.name, feature_set.version),
    )


def definition_of(feature_set: FeatureSet) -> str:
    """What decides a set's partials, a line a feature in the order of the names; meanings do not count."""
    features = [*feature_set.features, *feature_set.expiry]
    lines = [
        f"{one.name} = {_shown(one.aggregate)} over {sorted((w.seconds, w.hop) for w in one.windows)}"
        for one in features
    ]
    return "\n".join([f"of {', '.join(feature_set.keys)}", *sorted(lines)])


def _shown(aggregate: Aggregate) -> str:
    """The aggregate as it is made."""
    arguments = inspect.signature(type(aggregate)).parameters
    given = ", ".join(f"{name}={getattr(aggregate, name)!r}" for name in arguments)
    return f"{type(aggregate).__name__}({given})"


def _made(feature_set: FeatureSet, table: Stored) -> str:
    columns = ", ".join(table.declared(column) for column in table.columns)
    grain = f"One row per {feature_set.entity.name}" + (
        f" and {TILE} of {table.hop} s." if table.hop else "."
    )
    return (
        f"create table if not exists {table.address} "
        f"({columns}) with (fillfactor = {_ROOM}); "
        f"create unique index if not exists {table.index_name} on {table.address} ({table.indexed}); "
        f"comment on table {table.address} is {literal(grain)}"
    )


def _otherwise(feature_set: FeatureSet, what: str) -> LakeError:
    return LakeError(
        f"feature set {feature_set.name}, version {feature_set.version}: {what} in Postgres is not that of "
        "this definition; give the set a new version, or take back the change."
    )
