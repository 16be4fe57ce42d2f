"""`land_bronze`: Kafka → bronze, byte for byte, all topics in one query."""

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from pipelines.bronze.land import bronze_records
from pipelines.connectors.names import LAND_BRONZE
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.lake import BRONZE
from pipelines.contracts.topics import all_topics
from pipelines.runtime.streams.batches import (
    SMALL_BATCH,
    Append,
    BatchContext,
    BatchSummary,
    append_all,
    arrivals,
    count_by,
    next_offsets,
)
from pipelines.runtime.streams.streaming import StreamSpec
from pipelines.settings import Stream

_WHERE = ("topic", "partition", "offset", "ingested_at")


def landed_topics(bound: Sequence[str]) -> list[str]:
    """All topics that bronze lands: the documented ones, and those bound by a mapping."""
    return [*all_topics(), *(topic for topic in bound if topic not in all_topics())]


def land_bronze(spark: SparkSession, *, bootstrap: str, bound: Sequence[str], stream: Stream) -> StreamSpec:
    """The query; `bound` are the topics read through a mapping."""
    kafka = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", bootstrap)
        .option("subscribe", ",".join(landed_topics(bound)))
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        .option("includeHeaders", "true")
        .option("maxOffsetsPerTrigger", stream.max_records)
        .load()
    )
    return StreamSpec(
        LAND_BRONZE, bronze_records(kafka), (BRONZE.name,), lambda: _land, stream.trigger_seconds
    )


def _land(batch: DataFrame, context: BatchContext) -> BatchSummary | None:
    records = batch.coalesce(batch.sparkSession.sparkContext.defaultParallelism).persist()
    try:
        landed = records.select(*_WHERE).toArrow()
        if not landed.num_rows:
            return None
        small = landed.num_rows <= SMALL_BATCH and context.writer.takes_arrow
        rows = records.toArrow().cast(arrow_schema(BRONZE)) if small else records
        positions = next_offsets(landed)
        append_all([Append(BRONZE, rows)], context, positions=positions)
    finally:
        records.unpersist()
    topics = {f"bronze.{topic}": count for topic, count in count_by(landed, "topic").items()}
    return BatchSummary(positions, topics, {}, arrivals(landed))
