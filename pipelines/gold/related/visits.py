"""What happened to each product in each visit: the rows that all of this is made of."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.gold.activities import SESSION, activities, in_sessions
from pipelines.gold.marts import Frames

READS = ("silver.events", "silver.orders_current", "silver.order_versions", "silver.order_lines_current")
"""The tables and views that `product_visits` takes rows by."""


def product_visits(frames: Frames, *, gap_seconds: int) -> DataFrame:
    """One row per visit and product that was viewed, put into the cart or ordered in it; no known robots.

    `viewed_at`, `chosen_at`: when it first was viewed; put into the cart or ordered. `category`: its id, else
    its path, as said last in the visit. `visit_began_at`, `visit_ended_at`: of the whole visit. All UTC.
    """
    events, orders, versions, lines = (frames[name] for name in READS)
    rows = in_sessions(activities(events, orders, versions), gap_seconds=gap_seconds)
    whole = Window.partitionBy(*SESSION)
    visits = rows.withColumns(
        {
            "visit_began_at": F.min("occurred_at").over(whole),
            "visit_ended_at": F.max("occurred_at").over(whole),
            "is_robot": F.coalesce(F.bool_or("is_bot").over(whole), F.lit(False)),
        }
    ).where("not is_robot")
    named = visits.join(_ordered(lines), ["activity_id", "is_order"], "left").withColumns(
        {
            "product_id": F.coalesce("product_id", "ordered_id"),
            "category": F.coalesce("category_id", "category", "ordered_category"),
            "visit_id": F.to_json(F.struct(*SESSION)),
        }
    )
    keys = ("visit_id", "visitor_id", "visit_began_at", "visit_ended_at", "product_id")
    found = named.where("product_id is not null").groupBy(*keys).agg(*_first_times())
    return found.where("viewed_at is not null or chosen_at is not null")


def _ordered(lines: DataFrame) -> DataFrame:
    """One row per order and product of it."""
    named = lines.where("product_id is not null").withColumn("sort", F.coalesce("category_id", "category"))
    found = named.groupBy("order_id", "product_id").agg(F.max("sort").alias("ordered_category"))
    return found.select(
        F.col("order_id").alias("activity_id"),
        F.lit(True).alias("is_order"),
        F.col("product_id").alias("ordered_id"),
        "ordered_category",
    )


def _first_times() -> list[Column]:
    is_viewed = F.col("event_type") == "product_view"
    is_chosen = F.col("is_order") | (F.col("event_type") == "add_to_cart")
    said = F.when(F.col("category").isNotNull(), F.struct("occurred_at", "category"))
    return [
        F.min(F.when(is_viewed, F.col("occurred_at"))).alias("viewed_at"),
        F.min(F.when(is_chosen, F.col("occurred_at"))).alias("chosen_at"),
        F.bool_or("is_order").alias("is_ordered"),
        F.max(said)["category"].alias("category"),
        F.max("occurred_at").alias("last_at"),
    ]
