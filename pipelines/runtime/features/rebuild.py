"""The online store made again from the lake, as it was after a batch."""

import time
from collections.abc import Sequence
from functools import reduce
from typing import Any

import msgspec
from psycopg2.extensions import cursor as Cursor
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.connectors.delta import coverages
from pipelines.connectors.ledger import Entry, take_lease, write_entry
from pipelines.connectors.names import UPDATE_FEATURES, Names
from pipelines.connectors.postgres import PostgresAddress, connect, migrate
from pipelines.contracts.positions import Vector, flat
from pipelines.errors import LakeError, SettingsError
from pipelines.gold.features.event import between
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.tables import BATCH, EXACT, POSITIONS, Stamp, partials_table
from pipelines.runtime.features.build import load
from pipelines.runtime.features.going_live import note_batch, note_live
from pipelines.runtime.features.links import add_links
from pipelines.runtime.features.silver import silver_events
from pipelines.runtime.features.spread import brought, folded_partials
from pipelines.runtime.features.tables import empty_tables, make_tables, note_covered
from pipelines.runtime.features.upkeep import kept_sets
from pipelines.runtime.streams.checkpoint import query_id


def rebuild_online(
    spark: SparkSession, names: Names, address: PostgresAddress, *, at: int | None, partitions: int
) -> dict[str, Any]:
    """Fill Postgres with what the sets held after batch `at` (null: the newest); one transaction.

    A driver of update_features that runs elsewhere is refused from then on. Raises `LakeError` before the
    stream's first batch, `SettingsError` for a batch that the lake cannot give.
    """
    began = time.monotonic()
    sets = kept_sets(spark, names)
    stamp = _stamp(spark, names, sets, at)
    entry = Entry(query_id(spark, names.checkpoint(UPDATE_FEATURES)), stamp.batch_id, stamp.positions, None)
    with connect(address, application="rebuild_online") as connection:
        migrate(connection)
        lease = take_lease(connection, UPDATE_FEATURES, holder="rebuild_online")
        with connection, connection.cursor() as cursor:
            lease.hold(cursor)
            rows = {one.name: _refill(cursor, one, spark, names, stamp, partitions) for one in sets}
            cursor.execute("truncate features.links, features.batches")
            for part in brought(_links(spark, names, stamp.positions)):
                add_links(cursor, part)
            note_batch(cursor, stamp.batch_id, positions=stamp.positions, is_exact=stamp.is_exact)
            write_entry(cursor, UPDATE_FEATURES, entry)
    return {"batch": stamp.batch_id, "rows": rows, "seconds": round(time.monotonic() - began, 1)}


def _stamp(spark: SparkSession, names: Names, sets: Sequence[FeatureSet], at: int | None) -> Stamp:
    """The batch to go back to: the last one up to `at` that any set has rows of, and that is whole."""
    paths = [names.table(partials_table(one).name) for one in sets]
    whole = [one.batch_id for one in coverages(spark, paths, query=UPDATE_FEATURES) if one.complete]
    if not whole:
        raise LakeError(f"{names.lake}: no batch of update_features is whole yet; let the streams run on.")
    last = max(whole) if at is None else min(at, max(whole))
    stamps = [spark.read.format("delta").load(path).select(BATCH, POSITIONS, EXACT) for path in paths]
    known = reduce(DataFrame.unionByName, stamps).where(F.col(BATCH) <= last)
    newest = known.orderBy(F.desc(BATCH)).first()
    if newest is None:
        raise SettingsError(f"--at {at}: the lake's partials begin later, or were rolled up past that batch.")
    return Stamp(newest[BATCH], flat(msgspec.json.decode(newest[POSITIONS])), newest[EXACT])


def _refill(
    cursor: Cursor, one: FeatureSet, spark: SparkSession, names: Names, stamp: Stamp, partitions: int
) -> int:
    partials = spark.read.format("delta").load(names.table(partials_table(one).name))
    make_tables(cursor, one)
    empty_tables(cursor, one)
    wanted = partials.where(F.col(BATCH) <= stamp.batch_id)
    rows = folded_partials(wanted, one, partitions=partitions)
    count = load(cursor, one, rows, batch_id=stamp.batch_id)
    note_covered(cursor, one, until_batch=stamp.batch_id, positions=stamp.positions)
    note_live(cursor, [one], batch_id=stamp.batch_id)
    return count


def _links(spark: SparkSession, names: Names, until: Vector) -> DataFrame:
    named = between(silver_events(spark, names), since={}, until=until).where("user_id is not null")
    return named.groupBy("visitor_id", "user_id").agg(F.min("known_at").alias("known_at"))
