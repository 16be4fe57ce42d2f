"""Conservation: every bronze position has exactly one fate. DataFrame in, DataFrame out.

Positions are compared one by one; nothing is counted by subtraction.
"""

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.contracts.lake import POSITION_KEY
from pipelines.contracts.tables import TableSpec

SILVER, TOMBSTONE, DEAD_LETTER = "silver", "tombstone", "dead_letter"


def fates_of(rows: DataFrame, spec: TableSpec, *, fate: str) -> DataFrame:
    """Fate rows of one table: its position, fate, and the row's number within the position."""
    line: Column = F.col("line_number") if "line_number" in spec.column_names else F.lit(1)
    named: Column = F.lit(fate)
    if "is_deleted" in spec.column_names:
        named = F.when(F.col("is_deleted"), TOMBSTONE).otherwise(fate)
    return rows.select(
        *POSITION_KEY, F.lit(spec.name).alias("table"), named.alias("fate"), line.alias("line")
    )


def positions_with_fates(bronze: DataFrame, fates: Sequence[DataFrame]) -> DataFrame:
    """One row per position of either side: how often bronze has it, and its fates."""
    landed = bronze.groupBy(*POSITION_KEY).agg(
        F.count(F.lit(1)).alias("landed"), F.min("ingested_date").alias("day")
    )
    rows = reduce(DataFrame.unionByName, fates).groupBy(*POSITION_KEY, "table", "line", "fate")
    decided = (
        rows.agg(F.count(F.lit(1)).alias("copies"))
        .groupBy(*POSITION_KEY)
        .agg(F.collect_set("fate").alias("fates"), F.max("copies").alias("copies"))
    )
    return landed.join(decided, [*POSITION_KEY], "full_outer")


def conservation(positions: DataFrame) -> DataFrame:
    """One row per topic and day of arrival: positions by fate, and by fault (all zero when sound).

    `lost`: in bronze, no fate. `extra`: a fate, not in bronze. `doubled`: landed or written more than
    once. `conflicting`: several fates at once.
    """
    fates, landed = F.col("fates"), F.col("landed")

    def count(condition: Column) -> Column:
        return F.count_if(condition)

    return (
        positions.groupBy("topic", "day")
        .agg(
            count(landed.isNotNull()).alias("bronze"),
            count(F.array_contains(fates, SILVER)).alias("silver"),
            count(F.array_contains(fates, TOMBSTONE)).alias("tombstones"),
            count(F.array_contains(fates, DEAD_LETTER)).alias("dead_letters"),
            count(landed.isNotNull() & fates.isNull()).alias("lost"),
            count(landed.isNull()).alias("extra"),
            count((landed > 1) | (F.col("copies") > 1)).alias("doubled"),
            count(F.size(fates) > 1).alias("conflicting"),
        )
        .orderBy("topic", "day")
    )


def offset_gaps(bronze: DataFrame) -> DataFrame:
    """Offsets that bronze skips between its first and last of a partition. One row per partition.

    A compacted topic may skip offsets by right; any other gap is a loss between Kafka and bronze.
    """
    return bronze.groupBy("topic", "partition").agg(
        F.min("offset").alias("from_offset"),
        (F.max("offset") + 1).alias("until_offset"),
        (F.max("offset") + 1 - F.min("offset") - F.count_distinct("offset")).alias("missing"),
    )
