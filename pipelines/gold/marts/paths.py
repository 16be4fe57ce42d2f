"""Paths: the sequences of page types that sessions begin with, by how often they do."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from pipelines.contracts.gold import PATHS, SESSIONS
from pipelines.gold.marts import Frames, Mart, MartRules


def build(frames: Frames, _: MartRules) -> DataFrame:
    """The paths of each day whose sessions are given, all of the day."""
    walked = frames[SESSIONS.name].where(~F.col("is_bot") & F.col("path").isNotNull())
    counted = walked.groupBy(*PATHS.keys).agg(
        F.count("*").alias("sessions"),
        F.count_if(F.col("orders") > 0).alias("ordering_sessions"),
        F.sum("orders").alias("orders"),
    )
    by_frequency = Window.partitionBy("session_date").orderBy(F.desc("sessions"), "path")
    return counted.withColumn("place", F.row_number().over(by_frequency)).select(*PATHS.column_names)


MART = Mart(table=PATHS, reads=(SESSIONS.name,), is_by_day=True, build=build)
