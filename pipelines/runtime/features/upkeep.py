"""Daily work on the lake's feature tables: partials rolled up, latest values and midnights written."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from pipelines.connectors.delta import coverages, ensure_table
from pipelines.connectors.delta_replace import replace_days
from pipelines.connectors.names import UPDATE_FEATURES, Names
from pipelines.contracts.clock import micros
from pipelines.contracts.positions import Coverage
from pipelines.contracts.tables import TableSpec
from pipelines.errors import LakeError
from pipelines.gold.features.feature_set import DAY_SECONDS, FeatureSet
from pipelines.gold.features.latest import LAST_EVENT, latest
from pipelines.gold.features.partials import TILE, partial_schema
from pipelines.gold.features.sets import all_sets
from pipelines.gold.features.tables import (
    BATCH,
    EXACT,
    POSITIONS,
    inference_table,
    partials_table,
    snapshots_table,
)
from pipelines.gold.features.windows import MICROS
from pipelines.runtime.features.spread import folded_partials

ROLL_UP_FEATURES = "roll_up_features"
_DAY = DAY_SECONDS * MICROS
_LATE_DAYS = 7
"""So long after the longest window tiles stay as fine as they are: events that come late find theirs."""


def roll_up(
    spark: SparkSession,
    names: Names,
    feature_set: FeatureSet,
    *,
    keep_batches: int,
    now: datetime,
    parts: int,
) -> dict[str, int]:
    """Make one row per entity and tile of what all but the newest batches added; rows before and after.

    Tiles that no window holds any more become days. A batch that is rolled up cannot be gone back to.
    """
    spec = partials_table(feature_set)
    path = names.table(spec.name)
    before = spark.read.format("delta").load(path)
    last = _newest(spark, path) - keep_batches
    stamp = before.where(F.col(BATCH) <= last).orderBy(F.desc(BATCH)).select(BATCH, POSITIONS, EXACT).first()
    counts = {"before": before.count()}
    if stamp is None:
        return counts | {"after": counts["before"]}
    rows = before.where(F.col(BATCH) <= stamp[BATCH])
    coarse = rows.withColumn(TILE, _coarsened(feature_set, now)) if feature_set.hops else rows
    made = folded_partials(coarse, feature_set, partitions=parts)
    for name in (BATCH, POSITIONS, EXACT):
        made = made.withColumn(name, F.lit(stamp[name]).cast(spec.schema()[name].dataType))
    said = Coverage(ROLL_UP_FEATURES, stamp[BATCH], {}).encode()
    writer = made.select(*spec.column_names).write.format("delta").mode("overwrite")
    writer.option("replaceWhere", f"{BATCH} <= {stamp[BATCH]}").option("userMetadata", said).save(path)
    return counts | {"after": spark.read.format("delta").load(path).count()}


def write_latest(
    spark: SparkSession, names: Names, feature_set: FeatureSet, *, now: datetime, parts: int
) -> int:
    """Write the set's inference table as of now; how many entities live."""
    spec = inference_table(feature_set)
    path = names.table(spec.name)
    ensure_table(spark, spec, path)
    partials = spark.read.format("delta").load(names.table(partials_table(feature_set).name))
    newest = partials.orderBy(F.desc(BATCH)).select(BATCH, POSITIONS).first()
    if newest is None:
        return 0
    rows = _values(partials, feature_set, at=micros(now), parts=parts).withColumns(
        {"at": F.lit(now), BATCH: F.lit(newest[BATCH]).cast("long"), POSITIONS: F.lit(newest[POSITIONS])}
    )
    rows.select(*spec.column_names).write.format("delta").mode("overwrite").save(path)
    return spark.read.format("delta").load(path).count()


def write_midnight(
    spark: SparkSession, names: Names, feature_set: FeatureSet, *, day: date, parts: int
) -> int:
    """Write what the set said at the midnight that ends the day, once however often; how many lived."""
    spec = snapshots_table(feature_set)
    path = names.table(spec.name)
    ensure_table(spark, spec, path)
    midnight = micros(datetime(day.year, day.month, day.day, tzinfo=UTC)) + _DAY
    partials = spark.read.format("delta").load(names.table(partials_table(feature_set).name))
    before = partials.where(F.col(TILE) < midnight)
    rows = _values(before, feature_set, at=midnight, parts=parts).withColumn("day", F.lit(day))
    replace_days(rows.select(*spec.column_names), path, column="day", days=[day])
    return spark.read.format("delta").load(path).where(F.col("day") == F.lit(day)).count()


def kept_sets(spark: SparkSession, names: Names) -> list[FeatureSet]:
    """The sets that have partials in the lake. Raises `LakeError` when there are none."""
    found = [one for one in all_sets().values() if _there(spark, names, partials_table(one))]
    if not found:
        raise LakeError(f"{names.lake}: no feature set has a row yet: run `clicklake run stream_lake` first.")
    return found


def yesterdays(now: datetime, count: int) -> list[date]:
    """The last days that are over, the oldest first."""
    return [(now - timedelta(days=back)).date() for back in range(count, 0, -1)]


def _there(spark: SparkSession, names: Names, spec: TableSpec) -> bool:
    return bool(coverages(spark, [names.table(spec.name)], query=UPDATE_FEATURES))


def _newest(spark: SparkSession, path: str) -> int:
    return max((one.batch_id for one in coverages(spark, [path], query=UPDATE_FEATURES)), default=-1)


def _coarsened(feature_set: FeatureSet, now: datetime) -> Any:
    longest = max(window.seconds for window in feature_set.windows)
    bound = micros(now) - (longest + _LATE_DAYS * DAY_SECONDS) * MICROS
    return F.when(F.col(TILE) < bound, F.floor(F.col(TILE) / _DAY) * _DAY).otherwise(F.col(TILE)).cast("long")


def _values(partials: DataFrame, feature_set: FeatureSet, *, at: int, parts: int) -> DataFrame:
    """Keys, `last_event_at` and the output columns of every entity that lives at the moment."""
    name = feature_set.name
    empty = latest(
        feature_set, partial_schema(feature_set, feature_set.parts, with_tile=True).empty_table(), at=at
    )

    def apply(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        there = list(batches)
        if there:
            found = latest(all_sets()[name], pa.Table.from_batches(there), at=at)
            yield from found.cast(empty.schema).to_batches()

    columns = partial_schema(feature_set, feature_set.parts, with_tile=True).names
    spread = partials.select(*columns).repartition(parts, *feature_set.keys)
    made = spread.mapInArrow(apply, from_arrow_schema(empty.schema))
    return made.withColumn(LAST_EVENT, F.timestamp_micros(LAST_EVENT))
