"""What arrivals change in the marts: whose sessions are made anew, and which days they touch.

An event or an order can change sessions of its own visitor only, however late it comes: so all sessions
of the visitors in the arrivals are made anew, and a day is touched when a session on it is another now.
"""

from collections.abc import Sequence
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.contracts.gold import DAY, SESSIONS


def touched_visitors(new_events: DataFrame, new_orders: DataFrame, orders: DataFrame) -> DataFrame:
    """Each visitor of the arrivals once, in the column `visitor_id`.

    `orders` are all rows of silver.orders: an order belongs to the visitor of its first version, so a
    version that arrives concerns the visitors of all its versions.
    """
    versions = orders.join(new_orders.select("order_id").distinct(), "order_id", "left_semi")
    return new_events.select("visitor_id").union(versions.select("visitor_id")).distinct()


def rows_of(visitors: DataFrame, rows: DataFrame) -> DataFrame:
    """The rows of these visitors."""
    return rows.join(visitors, "visitor_id", "left_semi")


def orders_of(visitors: DataFrame, orders: DataFrame) -> DataFrame:
    """All rows of the orders of which a version names one of these visitors."""
    return orders.join(rows_of(visitors, orders).select("order_id").distinct(), "order_id", "left_semi")


def touched_days(before: DataFrame, after: DataFrame) -> DataFrame:
    """The days on which the sessions of the same visitors differ, in the column `session_date`."""
    changed = before.exceptAll(after).union(after.exceptAll(before))
    return changed.select(DAY).distinct()


def sessions_of_days(
    days: Sequence[date], *, before: DataFrame, after: DataFrame, visitors: DataFrame
) -> DataFrame:
    """All sessions of these days: those in `after` of the touched visitors, of the others as before."""
    kept = before.join(visitors, "visitor_id", "left_anti").select(*SESSIONS.column_names)
    return kept.unionByName(after).where(F.col(DAY).isin(*days))
