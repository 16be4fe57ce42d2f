"""Orders and the clicks of their look-back, joined as they come. DataFrame in, DataFrame out.

A *moment* is what attribution takes of one record: a touch, an order's message, or a version of a user
or product.
"""

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

TOUCH, ORDER, CHANGE, USER, PRODUCT = "touch", "order", "change", "user", "product"
"""Kinds of moments; a `change` is an order's message that gives back or calls off."""
PAIR, NO_TOUCH = "pair", "no_touch"
"""What the join adds: an order's message with one of its touches, or without any for good."""

MOMENT = pa.schema(
    [
        pa.field("kind", pa.string()),
        pa.field("visitor_id", pa.string()),
        pa.field("happened_at", pa.timestamp("us", tz="UTC")),
        pa.field("event_id", pa.string()),
        pa.field("order_id", pa.string()),
        pa.field("topic", pa.string()),
        pa.field("partition", pa.int32()),
        pa.field("offset", pa.int64()),
        pa.field("ingested_at", pa.timestamp("us", tz="UTC")),
        pa.field("content", pa.string()),
    ]
)
"""`content` is JSON: of a touch its source, of all else the silver row."""
_WHERE = ("event_id", "topic", "partition", "offset")


def joined_moments(
    passed: DataFrame, orders: DataFrame, touches: DataFrame, *, look_back_seconds: int, late_seconds: int
) -> DataFrame:
    """What is `passed` as it comes, and each of the orders' messages with its touches.

    One row per moment passed; one per message and touch of its visitor at most `look_back_seconds`
    older, in the batch in which the later of both comes; and one `no_touch` per message without any,
    once none can come: when the watermark, `late_seconds` behind the newest moment, has passed it.
    Moments that come later than that find no partner here.
    """
    bought = (
        orders.where(F.col("kind") == ORDER)
        .select(F.col("visitor_id").alias("buyer_id"), "order_id", F.col("happened_at").alias("ordered_at"))
        .withWatermark("ordered_at", f"{late_seconds} seconds")
    )
    touched = (
        touches.where(F.col("kind") == TOUCH)
        .select("visitor_id", F.col("happened_at").alias("touched_at"), *_WHERE, "ingested_at", "content")
        .withWatermark("touched_at", f"{late_seconds} seconds")
    )
    fits = (
        (F.col("buyer_id") == F.col("visitor_id"))
        & (F.col("touched_at") >= F.col("ordered_at") - F.expr(f"interval {look_back_seconds} seconds"))
        & (F.col("touched_at") <= F.col("ordered_at"))
    )
    return _as_passed(passed).unionByName(_as_pairs(bought.join(touched, fits, "left_outer")))


def _as_passed(moments: DataFrame) -> DataFrame:
    return moments.where(F.col("kind") != TOUCH).select(
        "kind", "visitor_id", "order_id", *_WHERE, *_micros("ingested_at", "happened_at"), "content"
    )


def _as_pairs(joined: DataFrame) -> DataFrame:
    there = F.col("visitor_id").isNotNull()
    return joined.select(
        F.when(there, PAIR).otherwise(NO_TOUCH).alias("kind"),
        F.coalesce("visitor_id", "buyer_id").alias("visitor_id"),
        "order_id",
        *_WHERE,
        *_micros("ingested_at", "touched_at"),
        "content",
    ).withColumnRenamed("touched_micros", "happened_micros")


def _micros(*times: str) -> list[Column]:
    """The times as integers: an event time that has been joined must not look like one any more."""
    return [F.unix_micros(name).alias(name.replace("_at", "_micros")) for name in times]
