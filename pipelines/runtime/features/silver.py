"""Silver as the feature sets see it."""

from pyspark.sql import DataFrame, SparkSession

from pipelines.connectors.names import Names
from pipelines.gold.features.event import TABLES, of_tables


def silver_events(spark: SparkSession, names: Names) -> DataFrame:
    """Every feature event of the lake, as it is now."""
    return of_tables({table: spark.read.format("delta").load(names.table(table)) for table in TABLES})
