"""A new feature set over all history, while the stream runs: up to a batch, from which the stream goes on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.connectors.delta import ensure_table
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress, connect, migrate
from pipelines.contracts.positions import Coverage, Vector, flat
from pipelines.errors import LakeError, SettingsError
from pipelines.gold.features.event import between
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.partials import partial_schema
from pipelines.gold.features.tables import Stamp, partials_table
from pipelines.runtime.features.silver import silver_events
from pipelines.runtime.features.spread import brought, history_partials
from pipelines.runtime.features.tables import make_tables, note_covered, stored_sets
from pipelines.runtime.features.upsert import upsert

BUILD_FEATURES = "build_features"
_NEWEST = """
select batch_id, positions from features.batches where is_exact order by batch_id desc limit 1
"""


class Reach(NamedTuple):
    """A batch of update_features and the positions that it covers exactly."""

    batch_id: int
    positions: Vector


def build_set(
    spark: SparkSession, names: Names, address: PostgresAddress, feature_set: FeatureSet, *, partitions: int
) -> dict[str, Any]:
    """Build the set's history into the lake and Postgres; the stream takes it in with its next exact batch.

    Raises `SettingsError` for a set that is live, `LakeError` while the stream has no exact batch, or when
    the set is being built already.
    """
    began = time.monotonic()
    with connect(address, application=BUILD_FEATURES) as connection:
        migrate(connection)
        with _alone(connection, feature_set):
            reach = _begin(connection, feature_set)
            rows = _into_lake(spark, names, feature_set, reach, partitions=partitions)
            with connection, connection.cursor() as cursor:
                count = load(cursor, feature_set, rows, batch_id=reach.batch_id)
                note_covered(cursor, feature_set, until_batch=reach.batch_id, positions=reach.positions)
    return {
        "set": feature_set.name,
        "version": feature_set.version,
        "until_batch": reach.batch_id,
        "partials": count,
        "seconds": round(time.monotonic() - began, 1),
    }


def load(cursor: Cursor, feature_set: FeatureSet, partials: DataFrame, *, batch_id: int) -> int:
    """Merge partials into the set's tables in Postgres, part by part; how many there were."""
    names = partial_schema(feature_set, feature_set.parts, with_tile=True).names
    count = 0
    for part in brought(partials.select(*names)):
        upsert(cursor, feature_set, part, batch_id=batch_id)
        count += part.num_rows
    return count


@contextmanager
def _alone(connection: Connection, feature_set: FeatureSet) -> Iterator[None]:
    with connection, connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(hashtext(%s))", (f"{BUILD_FEATURES}:{feature_set.name}",))
        if cursor.fetchone() != (True,):
            raise LakeError(f"feature set {feature_set.name} is being built by another job; wait for it.")
    yield


def _begin(connection: Connection, feature_set: FeatureSet) -> Reach:
    """Make the set's tables; the batch up to which its history is to be built."""
    with connection, connection.cursor() as cursor:
        make_tables(cursor, feature_set)
        key = (feature_set.name, feature_set.version)
        found = next(one for one in stored_sets(cursor) if (one.name, one.version) == key)
        if found.live_from_batch is not None:
            raise SettingsError(
                f"feature set {feature_set.name}, version {feature_set.version}, is live since batch "
                f"{found.live_from_batch}: there is nothing to build. Another meaning needs another version."
            )
        cursor.execute(_NEWEST)
        newest = cursor.fetchone()
    if newest is None:
        raise LakeError(
            "update_features has no exact batch yet: run the streams first; sets there are then become live "
            "with the first batch, without being built."
        )
    return Reach(newest[0], flat(newest[1]))


def _into_lake(
    spark: SparkSession, names: Names, feature_set: FeatureSet, reach: Reach, *, partitions: int
) -> DataFrame:
    """Write the partials of all history in one commit; the table as it is then."""
    spec = partials_table(feature_set)
    path = names.table(spec.name)
    ensure_table(spark, spec, path)
    events = between(silver_events(spark, names), since={}, until=reach.positions)
    rows = history_partials(events, feature_set, partitions=partitions)
    for name, value in Stamp(reach.batch_id, reach.positions, True).columns.items():
        rows = rows.withColumn(name, F.lit(value).cast(spec.schema()[name].dataType))
    coverage = Coverage(BUILD_FEATURES, reach.batch_id, reach.positions)
    writer = rows.select(*spec.column_names).write.format("delta").mode("overwrite")
    writer.option("userMetadata", coverage.encode()).save(path)
    return spark.read.format("delta").load(path)
