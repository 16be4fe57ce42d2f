"""`land_bronze`: Kafka → bronze, byte for byte, all topics in one query."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from pipelines.bronze.land import bronze_records
from pipelines.connectors.delta_writer import Rows
from pipelines.connectors.names import LAND_BRONZE, Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.lake import BRONZE
from pipelines.contracts.topics import all_topics
from pipelines.runtime.streams.batches import (
    Append,
    BatchContext,
    BatchSummary,
    append_all,
    arrivals,
    count_by,
    next_offsets,
)
from pipelines.runtime.streams.site import Query, Site
from pipelines.runtime.streams.spill import spilled, workers_share_disk
from pipelines.runtime.streams.streaming import StreamSpec
from pipelines.settings import Stream

_WHERE = ["topic", "partition", "offset", "ingested_at"]


def landed_topics(bound: Sequence[str]) -> list[str]:
    """All topics that bronze lands: the documented ones, and those bound by a mapping."""
    return [*all_topics(), *(topic for topic in bound if topic not in all_topics())]


def land_bronze(
    spark: SparkSession, names: Names, *, bootstrap: str, bound: Sequence[str], stream: Stream
) -> StreamSpec:
    """The query; `bound` are the topics read through a mapping."""
    kafka = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", bootstrap)
        .option("subscribe", ",".join(landed_topics(bound)))
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        .option("includeHeaders", "true")
        # The records are there when they are asked for: a fetch that waits for more only holds up the batch.
        .option("kafka.fetch.max.wait.ms", "10")
        .option("maxOffsetsPerTrigger", stream.max_records)
        .load()
    )
    land = partial(_land, scratch=names.scratch / LAND_BRONZE)
    return StreamSpec(
        LAND_BRONZE, bronze_records(kafka), (BRONZE.name,), lambda: land, stream.trigger_seconds
    )


def _build(site: Site) -> StreamSpec:
    kafka, stream = site.services.kafka, site.settings.bronze
    return land_bronze(site.spark, site.names, bootstrap=kafka, bound=site.bound_topics, stream=stream)


QUERY = Query(LAND_BRONZE, _build)


def _land(batch: DataFrame, context: BatchContext, *, scratch: Path) -> BatchSummary | None:
    records = batch.coalesce(batch.sparkSession.sparkContext.defaultParallelism)
    near = context.writer.takes_arrow and workers_share_disk(batch)
    with _brought(records, scratch) if near else _cached(records) as (landed, rows):
        if not landed.num_rows:
            return None
        positions = next_offsets(landed)
        append_all([Append(BRONZE, rows)], context, positions=positions)
        topics = {f"bronze.{topic}": count for topic, count in count_by(landed, "topic").items()}
        return BatchSummary(positions, topics, {}, arrivals(landed))


@contextmanager
def _brought(records: DataFrame, scratch: Path) -> Iterator[tuple[pa.Table, Rows]]:
    """Where the records lie, and they themselves as Arrow, brought by workers of this machine."""
    with spilled(records, _as_they_are, folder=scratch) as files:
        found = files.read(BRONZE.name)
        rows = arrow_schema(BRONZE).empty_table() if found is None else found.cast(arrow_schema(BRONZE))
        yield rows.select(_WHERE), rows


def _as_they_are(batch: pa.RecordBatch) -> list[tuple[str, pa.RecordBatch]]:
    return [(BRONZE.name, batch)]


@contextmanager
def _cached(records: DataFrame) -> Iterator[tuple[pa.Table, Rows]]:
    """Where the records lie, and they themselves in Spark's cache."""
    cached = records.persist()
    try:
        yield cached.select(*_WHERE).toArrow(), cached
    finally:
        cached.unpersist()
