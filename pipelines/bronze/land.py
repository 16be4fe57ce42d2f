"""Bronze: Kafka records byte for byte. DataFrame in, DataFrame out."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.contracts.lake import bronze_table


def bronze_records(kafka: DataFrame) -> DataFrame:
    """Records of all topics with their position and the broker's time. One row per Kafka record."""
    return kafka.select(
        "topic",
        "partition",
        "offset",
        F.col("timestamp").alias("ingested_at"),
        F.to_date("timestamp").alias("ingested_date"),
        "key",
        "value",
        "headers",
    )


def keep_topic(records: DataFrame, topic: str) -> DataFrame:
    """The records of one topic, in the columns of its bronze table."""
    return records.where(F.col("topic") == topic).select(*bronze_table(topic).column_names)
