"""Deleting what no reader can see any more: tiles behind all windows, entities of long ago."""

from datetime import datetime
from typing import NamedTuple

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from pipelines.gold.features.feature_set import LAST_AT, FeatureSet
from pipelines.gold.features.partials import TILE
from pipelines.gold.features.sets import all_sets
from pipelines.gold.features.windows import MICROS
from pipelines.runtime.features.layout import Stored, quoted, tables_of
from pipelines.runtime.features.tables import stored_sets

_DAY = 86_400 * MICROS
_LAG = 7 * _DAY
# Rows that a batch is changing are left for the next time: who waits for none cannot be in a deadlock.
_DELETE = """
with gone as materialized (select ctid from {table} where {condition} for update skip locked)
delete from {table} as stored using gone where stored.ctid = gone.ctid
"""


class Forgotten(NamedTuple):
    """How many rows were deleted."""

    lifetimes: int
    tiles: int


def forget(cursor: Cursor, feature_set: FeatureSet, *, before: int, keep_days: float) -> Forgotten:
    """Delete tiles that no window at `before` or later holds, and entities whose last event is long ago.

    `before` in UTC microseconds. An entity goes `keep_days` after its last event, and not before it has
    expired without a purchase. Expiry alone deletes nothing: the lake goes on from what it knew when an
    expired entity comes back, and so must Postgres.
    """
    lifetimes, *tiled = tables_of(feature_set)
    last = before - int(max(keep_days, feature_set.ttl.days) * _DAY)
    aged = _deleted(cursor, lifetimes, f"{quoted(LAST_AT.name)} < %(bound)s", last)
    return Forgotten(aged, sum(_passed(cursor, feature_set, table, before) for table in tiled))


def forget_all(connection: Connection, *, now: datetime, keep_days: float) -> dict[str, Forgotten]:
    """`forget` for every set whose tables are there, by name, each in a transaction of its own.

    Ages are counted from the newest event of any set, or from `now` when that is earlier, so that a lake
    of old data is not forgotten at once. Everything stays a week longer, for reads that lag.
    """
    with connection, connection.cursor() as cursor:
        there = {(one.name, one.version) for one in stored_sets(cursor)}
        sets = [one for one in all_sets().values() if (one.name, one.version) in there]
        newest = min(int(now.timestamp()) * MICROS, max((_newest(cursor, one) for one in sets), default=0))
    forgotten = {}
    for one in sets:
        with connection, connection.cursor() as cursor:
            forgotten[one.name] = forget(cursor, one, before=newest - _LAG, keep_days=keep_days)
    return forgotten


def _newest(cursor: Cursor, feature_set: FeatureSet) -> int:
    address = tables_of(feature_set)[0].address
    cursor.execute(f"select coalesce(max({quoted(LAST_AT.name)}), 0) from {address}")
    (found,) = cursor.fetchone() or (0,)
    return int(found)


def _passed(cursor: Cursor, feature_set: FeatureSet, table: Stored, before: int) -> int:
    first = min(one.tiles(before)[0] for one in feature_set.windows if one.hop == table.hop)
    return _deleted(cursor, table, f"{TILE} < %(bound)s", first)


def _deleted(cursor: Cursor, table: Stored, condition: str, bound: int) -> int:
    cursor.execute(_DELETE.format(table=table.address, condition=condition), {"bound": bound})
    return cursor.rowcount
