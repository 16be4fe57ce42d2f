"""Funnels: how many sessions and visitors came from view to cart to checkout to order."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.contracts.gold import FUNNELS, SESSIONS, UNKNOWN_DEVICE
from pipelines.gold.marts import Frames, Mart, MartRules

_STEPS = {"viewed": "viewing", "carted": "carting", "checked_out": "checking_out", "ordered": "ordering"}


def build(frames: Frames, _: MartRules) -> DataFrame:
    """The funnel of each day whose sessions are given, all of the day."""
    people = frames[SESSIONS.name].where(~F.col("is_bot"))
    keyed = people.withColumn("device_class", F.coalesce("device_class", F.lit(UNKNOWN_DEVICE)))
    counted = keyed.groupBy(*FUNNELS.keys).agg(
        F.count("*").alias("sessions"),
        F.count_distinct("visitor_id").alias("visitors"),
        *(column for number, step in enumerate(_STEPS, start=1) for column in _reached(number, step)),
    )
    conversion = F.expr("ordered * 1000000 div nullif(viewed, 0)")
    return counted.withColumn("conversion_micros", conversion).select(*FUNNELS.column_names)


def _reached(number: int, step: str) -> tuple[Column, Column]:
    """Sessions that came to the step, and their visitors."""
    reached = F.col("funnel_step") >= number
    visitors = F.count_distinct(F.when(reached, F.col("visitor_id")))
    return F.count_if(reached).alias(step), visitors.alias(f"{_STEPS[step]}_visitors")


MART = Mart(table=FUNNELS, reads=(SESSIONS.name,), is_by_day=True, build=build)
