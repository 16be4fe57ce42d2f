"""Activities: what a visitor did, events and orders in one order of time, and the session each is in."""

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from pipelines.contracts.lake import POSITION_KEY

IN_TIME = ("occurred_at", "is_order", "activity_id")
"""What orders a visitor's activities: an event comes before an order of the same instant."""
SESSION = ("visitor_id", "sent_session_id", "chain")
"""What names a session: the id sent, else the number of the visitor's chain."""

_NOT_A_VISIT = "ad_impression"
_EVENT_COLUMNS = (
    "event_type",
    "page_type",
    "page_path",
    "traffic_source",
    "traffic_medium",
    "traffic_campaign",
    "device_class",
    "country",
    "is_bot",
    "product_id",
    "category_id",
    "category",
)
_ORDER_COLUMNS = ("currency", "net_minor", "is_paid")
_BOTH = ("visitor_id", "user_id", "session_id", "occurred_at")


def activities(events: DataFrame, orders: DataFrame, versions: DataFrame) -> DataFrame:
    """One row per event and per order: rows of silver.events, orders_current and order_versions.

    Copies of an event count once, as the first that arrived. An order stands at the time of its first
    message that is no refund or cancellation; one of which only those came is not here.
    """
    arrival = Window.partitionBy("visitor_id", "event_id").orderBy("ingested_at", *POSITION_KEY)
    visits = events.where(F.col("event_type") != _NOT_A_VISIT).repartition("visitor_id")
    firsts = visits.withColumn("arrival", F.row_number().over(arrival)).where("arrival = 1")
    clicked = firsts.select(
        *_BOTH, F.lit(False).alias("is_order"), F.col("event_id").alias("activity_id"), *_EVENT_COLUMNS
    )
    bought = _placed(orders, versions).select(
        *_BOTH, F.lit(True).alias("is_order"), F.col("order_id").alias("activity_id"), *_ORDER_COLUMNS
    )
    return clicked.unionByName(bought, allowMissingColumns=True)


def _placed(orders: DataFrame, versions: DataFrame) -> DataFrame:
    made = versions.where(~F.col("status").isin("refunded", "cancelled"))
    ordered = made.groupBy("order_id").agg(F.min("occurred_at").alias("occurred_at"))
    is_paid = F.col("paid_at").isNotNull() | F.col("refunded_at").isNotNull()
    return orders.withColumn("is_paid", is_paid).join(ordered, "order_id")


def in_sessions(rows: DataFrame, *, gap_seconds: int) -> DataFrame:
    """The activities with their session, in the columns `SESSION`.

    A visitor's activities make a chain as long as no pause is longer than the gap. An activity belongs to
    the session whose id it was sent with. One without an id belongs to the session of the last before it
    in its chain that has one, else of the next; where a chain has none at all, it is a session itself.
    """
    in_time = Window.partitionBy("visitor_id").orderBy(*IN_TIME)
    chain = F.sum(F.coalesce(_pause(in_time) > gap_seconds * 1_000_000, F.lit(True)).cast("int"))
    chained = rows.withColumn("chain", chain.over(in_time.rowsBetween(Window.unboundedPreceding, 0)))
    within = Window.partitionBy("visitor_id", "chain").orderBy(*IN_TIME)
    before = F.last("session_id", ignorenulls=True).over(within.rowsBetween(Window.unboundedPreceding, 0))
    after = F.first("session_id", ignorenulls=True).over(within.rowsBetween(0, Window.unboundedFollowing))
    named = chained.withColumn("sent_session_id", F.coalesce(before, after))
    return named.withColumn("chain", F.when(F.col("sent_session_id").isNull(), F.col("chain")))


def _pause(in_time: WindowSpec) -> Column:
    """Microseconds since the visitor's activity before; null for the first."""
    return F.unix_micros("occurred_at") - F.unix_micros(F.lag("occurred_at").over(in_time))
