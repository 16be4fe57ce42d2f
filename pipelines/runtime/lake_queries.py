"""The two queries every lake runs: one lands all topics in bronze, one cleans them into silver."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.bronze.land import bronze_records, keep_topic
from pipelines.connectors.delta import ensure_table
from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE, Names
from pipelines.contracts.lake import DEAD_LETTERS, POSITIONS, all_tables, bronze_table
from pipelines.contracts.topics import all_topics
from pipelines.contracts.translation import Translator
from pipelines.runtime.batches import Append, Group, append_all, count_groups, positions_of, rows_by_table
from pipelines.runtime.streaming import BatchContext, StreamSpec
from pipelines.settings import Stream
from pipelines.silver.parse import keep_table, parse_records


def landed_topics(bound: Sequence[str]) -> list[str]:
    """All topics that bronze lands: the documented ones, and those bound by a mapping."""
    return [*all_topics(), *(topic for topic in bound if topic not in all_topics())]


def ensure_lake(spark: SparkSession, names: Names, *, bound: Sequence[str]) -> None:
    """Create every table that is not there. Raises `LakeError` on one of another schema."""
    specs = {**all_tables(), **{f"bronze.{topic}": bronze_table(topic) for topic in bound}}
    with ThreadPoolExecutor(max_workers=4) as pool:
        for done in [
            pool.submit(ensure_table, spark, spec, names.table(spec.name)) for spec in specs.values()
        ]:
            done.result()


def land_bronze(spark: SparkSession, *, bootstrap: str, bound: Sequence[str], stream: Stream) -> StreamSpec:
    """Kafka → bronze, byte for byte, one table a topic, positions recorded."""
    topics = landed_topics(bound)
    kafka = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", bootstrap)
        .option("subscribe", ",".join(topics))
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        .option("includeHeaders", "true")
        .option("maxOffsetsPerTrigger", stream.max_records)
        .load()
    )
    return StreamSpec(LAND_BRONZE, bronze_records(kafka), _land_batch, stream.trigger_seconds)


def _land_batch(batch: DataFrame, context: BatchContext) -> list[Group]:
    records = batch.coalesce(_parallelism(batch)).persist()
    try:
        table, none = F.concat(F.lit("bronze."), F.col("topic")), F.lit(None).cast("string")
        groups = count_groups(records, table=table, reason=none, preview=none)
        appends = [
            Append(bronze_table(topic), keep_topic(records, topic))
            for topic in sorted({group.topic for group in groups})
        ]
        _append_with_positions(appends, groups, batch, context)
        return groups
    finally:
        records.unpersist()


def clean_silver(
    spark: SparkSession, names: Names, *, translators: Mapping[str, Translator], stream: Stream
) -> StreamSpec:
    """Bronze → silver rows and dead letters, in one pass over all topics."""
    sources = [
        spark.readStream.format("delta")
        .option("maxFilesPerTrigger", 200)
        .load(names.table(f"bronze.{topic}"))
        for topic in landed_topics(list(translators))
    ]

    def clean_batch(batch: DataFrame, context: BatchContext) -> list[Group]:
        return _clean_batch(batch, context, translators)

    bronze = reduce(DataFrame.unionByName, sources)
    return StreamSpec(CLEAN_SILVER, bronze, clean_batch, stream.trigger_seconds)


def _clean_batch(
    batch: DataFrame, context: BatchContext, translators: Mapping[str, Translator]
) -> list[Group]:
    narrow = batch.coalesce(_parallelism(batch))
    parsed = parse_records(narrow, translators=translators).persist()
    try:
        groups = count_groups(parsed, table=F.col("table"), reason=F.col("reason"), preview=F.col("preview"))
        specs = {**all_tables(), DEAD_LETTERS.name: DEAD_LETTERS}
        appends = [
            Append(specs[table], keep_table(parsed, specs[table])) for table in sorted(rows_by_table(groups))
        ]
        _append_with_positions(appends, groups, batch, context)
        return groups
    finally:
        parsed.unpersist()


def _append_with_positions(
    appends: Sequence[Append], groups: Sequence[Group], batch: DataFrame, context: BatchContext
) -> None:
    if not groups:
        return
    positions = positions_of(groups, batch, query=context.query, batch_id=context.batch_id)
    append_all(appends, context.names, app_id=context.app_id, batch_id=context.batch_id)
    append_all(
        [Append(POSITIONS, positions)], context.names, app_id=context.app_id, batch_id=context.batch_id
    )


def _parallelism(batch: DataFrame) -> int:
    return batch.sparkSession.sparkContext.defaultParallelism
