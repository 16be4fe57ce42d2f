"""Conservation: every bronze position has exactly one fate. DataFrame in, DataFrame out.

Positions are compared one by one; nothing is counted by subtraction.
"""

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.contracts.lake import POSITION_KEY
from pipelines.contracts.tables import TableSpec

SILVER, TOMBSTONE, DEAD_LETTER, DUPLICATE = "silver", "tombstone", "dead_letter", "duplicate"


def fates_of(rows: DataFrame, spec: TableSpec, *, fate: str) -> DataFrame:
    """Fate rows of one table: its position, fate, and which of the position's rows it is."""
    # A message of a bound topic may hold several records, and an order several lines.
    parts = [name for name in ("record_table", "event_id", "line_number") if name in spec.column_names]
    line: Column = F.concat_ws("/", *parts) if parts and fate != DEAD_LETTER else F.lit("")
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
            count(F.array_contains(fates, DUPLICATE)).alias("duplicates"),
            count(F.array_contains(fates, DEAD_LETTER)).alias("dead_letters"),
            count(landed.isNotNull() & fates.isNull()).alias("lost"),
            count(landed.isNull()).alias("extra"),
            count((landed > 1) | (F.col("copies") > 1)).alias("doubled"),
            count(F.size(fates) > 1).alias("conflicting"),
        )
        .orderBy("topic", "day")
    )


def below(rows: DataFrame, ends: DataFrame) -> DataFrame:
    """The rows before the end of their partition; `ends` holds `topic, partition, until_offset`, few rows."""
    bounded = rows.join(F.broadcast(ends), ["topic", "partition"])
    return bounded.where(F.col("offset") < F.col("until_offset")).select(*rows.columns)


def offset_gaps(bronze: DataFrame) -> DataFrame:
    """Offsets that bronze skips within a partition. One row per gap `[from_offset, until_offset)`.

    Not every gap is a loss: compaction and the markers of transactions leave some.
    """
    before = F.lag("offset").over(Window.partitionBy("topic", "partition").orderBy("offset"))
    return (
        bronze.select("topic", "partition", "offset")
        .withColumn("from_offset", before + 1)
        .where(F.col("offset") > F.col("from_offset"))
        .select("topic", "partition", "from_offset", F.col("offset").alias("until_offset"))
    )


def late_repeats(records: DataFrame) -> DataFrame:
    """Ids that have several silver records all the same: repeated past the bound or across partitions.

    `records` are rows of a table with `visitor_id`, `event_id`. One row per topic: `repeated` counts
    the records beyond the first that say the same, `contradicting` those that say something else.
    """
    identity = ["visitor_id", "event_id"]
    once = records.select("topic", "partition", "offset", "fingerprint", *identity).distinct()
    said = once.groupBy(*identity).agg(
        F.min("topic").alias("topic"),
        F.count(F.lit(1)).alias("records"),
        F.count_distinct("fingerprint").alias("contents"),
    )
    return (
        said.where("records > 1")
        .groupBy("topic")
        .agg(
            F.sum(F.col("records") - F.col("contents")).alias("repeated"),
            F.sum(F.col("contents") - 1).alias("contradicting"),
        )
    )
