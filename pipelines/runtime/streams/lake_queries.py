"""The two queries every lake runs: one lands all topics in bronze, one cleans them into silver."""

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.bronze.land import bronze_records
from pipelines.connectors.delta import ensure_table
from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE, Names
from pipelines.contracts.lake import BRONZE, DEAD_LETTERS, all_tables, silver_tables
from pipelines.contracts.topics import all_topics
from pipelines.contracts.translation import Translator
from pipelines.runtime.streams.batches import Append, Group, append_all, count_groups, tables_of
from pipelines.runtime.streams.streaming import BatchContext, StreamSpec
from pipelines.settings import Stream
from pipelines.silver.parse import keep_table, parse_records


def landed_topics(bound: Sequence[str]) -> list[str]:
    """All topics that bronze lands: the documented ones, and those bound by a mapping."""
    return [*all_topics(), *(topic for topic in bound if topic not in all_topics())]


def ensure_lake(spark: SparkSession, names: Names) -> None:
    """Create every table that is not there. Raises `LakeError` on one of another schema."""
    for spec in all_tables().values():
        ensure_table(spark, spec, names.table(spec.name))


def land_bronze(spark: SparkSession, *, bootstrap: str, bound: Sequence[str], stream: Stream) -> StreamSpec:
    """Kafka → bronze, byte for byte."""
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
    return StreamSpec(LAND_BRONZE, bronze_records(kafka), (BRONZE.name,), _land_batch, stream.trigger_seconds)


def _land_batch(batch: DataFrame, context: BatchContext) -> list[Group]:
    records = batch.coalesce(_parallelism(batch)).persist()
    try:
        topic, none = F.concat(F.lit("bronze."), F.col("topic")), F.lit(None).cast("string")
        groups = count_groups(records, table=topic, reason=none, preview=none)
        if groups:
            append_all(
                [Append(BRONZE, records)],
                context.names,
                app_id=context.app_id,
                coverage=context.coverage(groups),
            )
        return groups
    finally:
        records.unpersist()


def clean_silver(
    spark: SparkSession, names: Names, *, translators: Mapping[str, Translator], stream: Stream
) -> StreamSpec:
    """Bronze → silver rows and dead letters, in one pass over all topics."""
    bronze = (
        spark.readStream.format("delta")
        .option("maxFilesPerTrigger", _FILES_PER_BATCH)
        .load(names.table(BRONZE.name))
    )
    tables = {**silver_tables(), DEAD_LETTERS.name: DEAD_LETTERS}

    def clean_batch(batch: DataFrame, context: BatchContext) -> list[Group]:
        parsed = parse_records(batch.coalesce(_parallelism(batch)), translators=translators).persist()
        try:
            groups = count_groups(
                parsed, table=F.col("table"), reason=F.col("reason"), preview=F.col("preview")
            )
            append_all(
                [Append(tables[table], keep_table(parsed, tables[table])) for table in tables_of(groups)],
                context.names,
                app_id=context.app_id,
                coverage=context.coverage(groups),
            )
            return groups
        finally:
            parsed.unpersist()

    return StreamSpec(CLEAN_SILVER, bronze, tuple(tables), clean_batch, stream.trigger_seconds)


def _parallelism(batch: DataFrame) -> int:
    return batch.sparkSession.sparkContext.defaultParallelism


_FILES_PER_BATCH = 400
