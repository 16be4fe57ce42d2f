"""Orders and the touches before them, over silver's history. DataFrame in, DataFrame out.

A *person* is the user that a visitor belongs to, or the visitor alone: so a click on the telephone can
earn an order on the laptop.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, TimestampType

from pipelines.gold.attribution.touches import LONGEST_NAME

_SENT = ("placed", "paid", "payment_failed")
"""States whose messages say when an order was made."""


def touches_of(events: DataFrame) -> DataFrame:
    """Clicks that say where their visit came from. One row per such event of silver.events."""
    return events.where(F.col("traffic_source").isNotNull()).select(
        *("visitor_id", "event_id", "occurred_at", "topic", "partition", "offset", "ingested_at"),
        *(
            F.substring(f"traffic_{name}", 1, LONGEST_NAME).alias(name)
            for name in ("source", "medium", "campaign")
        ),
    )


def orders_made(orders: DataFrame) -> DataFrame:
    """When and by whom each order was made, and whether it was ever paid. One row per order.

    An order of which only refunds or cancellations came counts from the first of these.
    """
    first = F.struct(
        F.when(F.col("status").isin(*_SENT), 0).otherwise(1).alias("later"),
        *("occurred_at", "event_id", "ingested_at", "topic", "partition", "offset", "visitor_id"),
    )
    made = (
        orders.where(F.col("line_number") == 1)
        .groupBy("order_id")
        .agg(
            F.min(first).alias("first"),
            F.max(F.col("status").isin("paid", "refunded")).alias("is_paid"),
        )
    )
    return made.select(
        "order_id",
        F.col("first.visitor_id").alias("visitor_id"),
        F.col("first.occurred_at").alias("ordered_at"),
        "is_paid",
    )


def with_person(rows: DataFrame, owners: DataFrame) -> DataFrame:
    """The rows with `person`; `owners` are rows of silver.visitor_user."""
    known = owners.select("visitor_id", F.col("user_id").alias("_owner"))
    joined = rows.join(known, "visitor_id", "left")
    person = F.when(F.col("_owner").isNull(), F.concat(F.lit("v:"), "visitor_id")).otherwise(
        F.concat(F.lit("u:"), "_owner")
    )
    return joined.withColumn("person", person).drop("_owner")


def paths_of(made: DataFrame, touches: DataFrame, *, by: str, look_back_seconds: int) -> DataFrame:
    """Each order with the touches of the same `by` (visitor_id or person) within the look-back.

    One row per order: order_id, ordered_micros, touches (structs of occurred_at in microseconds,
    event_id, visitor_id, source, medium, campaign; empty when there are none).
    """
    touch = F.struct(
        F.unix_micros("t.occurred_at").alias("occurred_at"),
        *(F.col(f"t.{name}") for name in ("event_id", "visitor_id", "source", "medium", "campaign")),
    )
    since = F.col("o.ordered_at") - F.expr(f"interval {look_back_seconds} seconds")
    fits = (F.col(f"o.{by}") == F.col(f"t.{by}")) & F.col("t.occurred_at").between(
        since, F.col("o.ordered_at")
    )
    joined = made.alias("o").join(touches.alias("t"), fits, "left")
    found = F.collect_list(F.when(F.col("t.event_id").isNotNull(), touch))
    return (
        joined.groupBy("o.order_id", "o.ordered_at")
        .agg(found.alias("touches"))
        .select("order_id", F.unix_micros("ordered_at").alias("ordered_micros"), "touches")
    )


def pairs_of(made: DataFrame, touches: DataFrame, *, look_back_seconds: int) -> DataFrame:
    """Each order with each of its visitor's touches within the look-back. One row per pair."""
    mine = made.select("order_id", F.col("visitor_id").alias("_buyer"), "ordered_at")
    since = F.col("ordered_at") - F.expr(f"interval {look_back_seconds} seconds")
    fits = (F.col("_buyer") == F.col("visitor_id")) & F.col("occurred_at").between(since, F.col("ordered_at"))
    return mine.join(touches, fits).drop("_buyer", "ordered_at")


def journeys_of(made: DataFrame, touches: DataFrame) -> DataFrame:
    """All that fitted models learn from: each person's touches, cut after every paid order.

    One row per journey: `sources`, oldest first, and 1 or 0 in `conversions`; what follows the last
    order, or leads to none, did not convert. Orders and touches have `person`.
    """
    paid = made.where("is_paid").select("person", F.col("ordered_at").alias("at"), F.lit(1).alias("sold"))
    clicks = touches.select(
        "person", F.col("occurred_at").alias("at"), F.lit(0).alias("sold"), "source", "event_id"
    )
    steps = clicks.unionByName(paid, allowMissingColumns=True)
    # A click at the very time of the order led to it, as in `path_to`.
    earlier = (
        Window.partitionBy("person")
        .orderBy("at", "sold", "event_id")
        .rowsBetween(Window.unboundedPreceding, -1)
    )
    numbered = steps.withColumn("journey", F.coalesce(F.sum("sold").over(earlier), F.lit(0)))
    found = F.sort_array(F.collect_list(F.when(F.col("sold") == 0, F.struct("at", "event_id", "source"))))
    grouped = numbered.groupBy("person", "journey").agg(
        F.transform(found, lambda one: one["source"]).alias("sources"), F.max("sold").alias("conversions")
    )
    return grouped.select("sources", "conversions")


def dossiers_of(
    made: DataFrame, orders: DataFrame, touches: DataFrame, *, look_back_seconds: int
) -> DataFrame:
    """All that silver knows of each order. One row per order: order_id, messages, touches.

    `messages` are its rows of silver.orders, one a line; `touches` those of its visitor within the
    look-back. Both are structs, times in UTC microseconds.
    """
    lines = _structs(orders.join(made.select("order_id"), "order_id", "left_semi"), "messages")
    found = _structs(pairs_of(made, touches, look_back_seconds=look_back_seconds), "touches")
    return lines.join(found, "order_id", "left")


def _structs(rows: DataFrame, name: str) -> DataFrame:
    """The rows of each order as one list."""
    values = [
        F.unix_micros(field.name).alias(field.name)
        if isinstance(field.dataType, TimestampType)
        else field.name
        for field in rows.schema.fields
        if not isinstance(field.dataType, DateType)
    ]
    return rows.groupBy("order_id").agg(F.collect_list(F.struct(*values)).alias(name))
