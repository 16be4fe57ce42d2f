"""Daily sessions: how many there were, how long, and what they earned."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.contracts.gold import DAILY_SESSIONS, SESSIONS, UNKNOWN_DEVICE
from pipelines.gold.marts import Frames, Mart, MartRules

_SUMS = ("events", "page_views", "duration_seconds", "orders", "paid_orders")


def build(frames: Frames, _: MartRules) -> DataFrame:
    """The sums of each day whose sessions are given, all of the day."""
    keyed = frames[SESSIONS.name].withColumns(
        {
            "device_class": F.coalesce("device_class", F.lit(UNKNOWN_DEVICE)),
            "currency": F.coalesce("currency", F.lit("")),
        }
    )
    summed = keyed.groupBy(*DAILY_SESSIONS.keys).agg(
        F.count("*").alias("sessions"),
        F.count_if("is_bounce").alias("bounces"),
        *(F.sum(name).alias(name) for name in _SUMS),
        F.coalesce(F.sum("revenue_minor"), F.lit(0)).alias("revenue_minor"),
    )
    return summed.select(*DAILY_SESSIONS.column_names)


MART = Mart(table=DAILY_SESSIONS, reads=(SESSIONS.name,), is_by_day=True, build=build)
