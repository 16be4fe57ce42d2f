"""The route's query and the session it runs in: Kafka to Kafka, a slot for each partition."""

from msgspec.structs import replace
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from pipelines.connectors.delta import is_local
from pipelines.connectors.names import ROUTE_VIPS, VIP_DEAD_LETTERS, Names
from pipelines.errors import SettingsError
from pipelines.gold.vips.messages import MESSAGE_COLUMNS, Output, messages, with_levels
from pipelines.gold.vips.reading import read_clicks
from pipelines.runtime.streams.faults import one_line
from pipelines.runtime.vips.function import with_results
from pipelines.settings import Settings

SOURCE_TOPIC = "clicks"
SPARE_SLOTS = 2
"""Beside one a partition, which Real-Time Mode holds for good: for the levels' broadcast, and to plan."""
_MICRO_BATCH_RECORDS = 20_000
_HEADERS_BYTES = 64 * 1024
_LONGEST_TEXT = 1024 * 1024
_JAVA_OPTIONS = "spark.driver.extraJavaOptions"
_FILES = "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"


def route_settings(settings: Settings, names: Names, *, partitions: int) -> Settings:
    """The settings of the route's own driver: as many slots as it needs, little memory."""
    java = settings.spark.conf.get(_JAVA_OPTIONS, "")
    conf = settings.spark.conf | {
        "spark.sql.ansi.enabled": "false",  # what a user's expression cannot compute is null, and no fault
        _JAVA_OPTIONS: f"{java} -Dorg.apache.avro.limits.string.maxLength={_LONGEST_TEXT}".strip(),
    }
    if is_local(names.checkpoint(ROUTE_VIPS)):
        # The other manager starts a process for every file: a third of the pause between two batches.
        conf["spark.sql.streaming.checkpointFileManagerClass"] = _FILES
    master = settings.spark.master
    if master is not None and master.startswith("local"):
        master = f"local[{partitions + SPARE_SLOTS}]"
    spark = replace(settings.spark, master=master, driver_memory=settings.vip.driver_memory, conf=conf)
    return replace(settings, spark=spark)


def output_of(settings: Settings) -> Output:
    """Where and how the route writes."""
    vip = settings.vip
    return Output(
        actions=vip.output_topic,
        dead_letters=VIP_DEAD_LETTERS,
        format=vip.output_format,
        function=vip.function,
        longest_value=settings.kafka.max_message_bytes - _HEADERS_BYTES,
    )


def routed(spark: SparkSession, levels: DataFrame, *, bootstrap: str, micro_batch: bool) -> DataFrame:
    """The stream of VIPs' clicks with name and level, and of records that cannot be read.

    It begins with what comes after the first start: older clicks are no news.
    """
    source = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", bootstrap)
        .option("subscribe", SOURCE_TOPIC)
        .option("startingOffsets", "latest")
        .option("includeHeaders", "true")
    )
    if micro_batch:
        source = source.option("maxOffsetsPerTrigger", _MICRO_BATCH_RECORDS)
    return with_levels(read_clicks(source.load()), levels)


def start_route(
    rows: DataFrame, names: Names, settings: Settings, *, bootstrap: str, micro_batch: bool
) -> StreamingQuery:
    """Start the query. Raises `SettingsError` when Real-Time Mode refuses what `vip.function` does."""
    vip = settings.vip
    frame = messages(rows, output_of(settings))
    if vip.python_function is not None:
        frame = with_results(
            frame, function=vip.python_function, topic=vip.python_topic, dead_letters=VIP_DEAD_LETTERS
        )
    writer = (
        frame.select(*MESSAGE_COLUMNS)
        .writeStream.queryName(ROUTE_VIPS)
        .format("kafka")
        .option("kafka.bootstrap.servers", bootstrap)
        .option("kafka.max.request.size", settings.kafka.max_message_bytes)
        .option("checkpointLocation", names.checkpoint(ROUTE_VIPS))
        .outputMode("update")
    )
    pace = (
        {"processingTime": f"{vip.batch_seconds} seconds"}
        if micro_batch
        else {"realTime": f"{vip.refresh_seconds} seconds"}
    )
    try:
        return writer.trigger(**pace).start()
    except AnalysisException as error:
        raise SettingsError(f"the route of VIPs cannot run so: {one_line(error)}") from None
