"""Bronze: Kafka records byte for byte. DataFrame in, DataFrame out."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.contracts.lake import BRONZE


def bronze_records(kafka: DataFrame) -> DataFrame:
    """Records of all topics with their position and the broker's time. One row per Kafka record."""
    return kafka.withColumns(
        {"ingested_at": F.col("timestamp"), "ingested_date": F.to_date("timestamp")}
    ).select(*BRONZE.column_names)
