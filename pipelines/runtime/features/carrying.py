"""Partials as of a midnight: what was known before it counts without being read again."""

from collections.abc import Sequence
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.connectors.delta import coverages, ensure_table, last_positions
from pipelines.connectors.names import CLEAN_SILVER, Names
from pipelines.contracts.positions import Coverage, Vector
from pipelines.gold.features.event import below
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.partials import TILE, partial_schema
from pipelines.gold.features.sets import all_sets
from pipelines.gold.features.tables import carried_table
from pipelines.runtime.features.silver import silver_events
from pipelines.runtime.features.spread import folded_partials, history_partials
from pipelines.runtime.streams.queries.clean_silver import WRITTEN

CARRY_FEATURES = "carry_features"
VISIBLE = "visible_at"


class Carried(NamedTuple):
    """What every set holds of the events below `positions` that were known before `midnight`, UTC micros."""

    midnight: int
    positions: Vector

    def left(self, events: DataFrame) -> DataFrame:
        """The events that are not carried, those among them that arrived late in the lake."""
        return events.where(~(below(self.positions) & (F.col("known_at") < self.midnight)))

    def partials(self, spark: SparkSession, names: Names, feature_set: FeatureSet) -> DataFrame:
        """The set's partials, visible from just before the midnight on."""
        rows = spark.read.format("delta").load(names.table(carried_table(feature_set).name))
        return rows.withColumn(VISIBLE, F.lit(self.midnight - 1))


def carried(spark: SparkSession, names: Names, sets: Sequence[FeatureSet]) -> Carried | None:
    """What is carried of these sets; None where one is not, or they are not carried to the same."""
    found = []
    for one in sets:
        path = names.table(carried_table(one).name)
        newest = max(
            coverages(spark, [path], query=CARRY_FEATURES), key=lambda said: said.batch_id, default=None
        )
        if newest is None:
            return None
        found.append(Carried(newest.batch_id, newest.positions))
    return found[0] if found and all(one == found[0] for one in found) else None


def carry(spark: SparkSession, names: Names, *, midnight: int, partitions: int) -> dict[str, int]:
    """Carry every set to a midnight, UTC microseconds; set, and rows of it.

    Takes what was carried before and the events since, so that a day costs a day; without that, or where a
    run was broken off, all history. Done twice it changes nothing but what has come late meanwhile.
    """
    sets = list(all_sets().values())
    before = carried(spark, names, sets)
    if before is not None and before.midnight > midnight:
        before = None
    until = last_positions(spark, [names.table(table) for table in WRITTEN], query=CLEAN_SILVER)
    events = silver_events(spark, names).where(below(until) & (F.col("known_at") < midnight))
    new = events if before is None else before.left(events)
    counts = {}
    for one in sets:
        rows = history_partials(new, one, partitions=partitions)
        if before is not None:
            columns = partial_schema(one, one.parts, with_tile=True).names
            rows = rows.unionByName(before.partials(spark, names, one).select(*columns))
        spec = carried_table(one)
        path = names.table(spec.name)
        ensure_table(spark, spec, path)
        made = folded_partials(_coarsened(rows, one, midnight), one, partitions=partitions)
        said = Coverage(CARRY_FEATURES, midnight, until).encode()
        writer = made.select(*spec.column_names).write.format("delta").mode("overwrite")
        writer.option("userMetadata", said).save(path)
        counts[one.name] = spark.read.format("delta").load(path).count()
    return counts


def _coarsened(rows: DataFrame, feature_set: FeatureSet, midnight: int) -> DataFrame:
    """Tiles that no window of a later moment reaches become one."""
    reached = min((w.tiles(midnight)[0] for w in feature_set.windows), default=0)
    return rows.withColumn(TILE, F.when(F.col(TILE) < reached, 0).otherwise(F.col(TILE)).cast("long"))
