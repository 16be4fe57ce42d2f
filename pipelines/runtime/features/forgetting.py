"""Deleting what no reader can see any more: tiles behind all windows, entities that have long expired."""

from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor

from pipelines.gold.features.feature_set import LAST_AT, PURCHASES, FeatureSet, Ttl
from pipelines.gold.features.partials import TILE
from pipelines.gold.features.windows import MICROS
from pipelines.runtime.features.layout import Stored, quoted, tables_of

_DAY = 86_400 * MICROS
# Rows that a batch is changing are left for the next time: who waits for none cannot be in a deadlock.
_DELETE = """
with gone as materialized (select ctid from {table} where {condition} for update skip locked)
delete from {table} as stored using gone where stored.ctid = gone.ctid
"""


class Forgotten(NamedTuple):
    """How many rows were deleted."""

    lifetimes: int
    tiles: int


def forget(cursor: Cursor, feature_set: FeatureSet, *, before: int, lateness_seconds: float) -> Forgotten:
    """Delete tiles that no window at `before` or later holds, and entities that expired long before it.

    `before` in UTC microseconds. An entity goes `lateness_seconds` after it has expired: until then a late
    event, or the visitor's return, finds all that was known. One that comes back later begins anew.
    """
    lifetimes, *tiled = tables_of(feature_set)
    expired = _expired(cursor, lifetimes, feature_set.ttl, before - int(lateness_seconds * MICROS))
    return Forgotten(expired, sum(_passed(cursor, feature_set, table, before) for table in tiled))


def _passed(cursor: Cursor, feature_set: FeatureSet, table: Stored, before: int) -> int:
    first = min(one.tiles(before)[0] for one in feature_set.windows if one.hop == table.hop)
    cursor.execute(_DELETE.format(table=table.address, condition=f"{TILE} < %(first)s"), {"first": first})
    return cursor.rowcount


def _expired(cursor: Cursor, table: Stored, ttl: Ttl, before: int) -> int:
    days: str = "%(days)s"
    if ttl.days_after_purchase is not None:
        days = f"case when {quoted(PURCHASES.name)} > 0 then %(after_purchase)s else %(days)s end"
    condition = f"{quoted(LAST_AT.name)} + {days} < %(before)s"
    given = {
        "before": before,
        "days": int(ttl.days * _DAY),
        "after_purchase": int((ttl.days_after_purchase or 0) * _DAY),
    }
    cursor.execute(_DELETE.format(table=table.address, condition=condition), given)
    return cursor.rowcount
