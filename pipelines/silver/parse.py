"""Silver: parsed, typed, validated rows and dead letters. DataFrame in, DataFrame out."""

from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from pipelines.contracts.tables import POSITION_COLUMNS, STRING, TableSpec
from pipelines.contracts.translation import Translator
from pipelines.silver.arrow_parser import ArrowParser, parsed_tables


def parsed_spark_schema() -> StructType:
    """Spark's form of `arrow_parser.parsed_schema`, everything nullable."""
    schema = StructType().add("table", STRING).add("reason", STRING)
    for column in POSITION_COLUMNS:
        schema.add(column.name, column.type)
    schema.add("preview", STRING)
    for name, spec in parsed_tables().items():
        nullable = StructType()
        for column in spec.columns:
            nullable.add(column.name, column.type)
        schema.add(name, nullable)
    return schema


def parse_records(bronze: DataFrame, *, translators: Mapping[str, Translator]) -> DataFrame:
    """Parsed records of bronze records. One row per silver row or dead letter."""
    return bronze.mapInArrow(ArrowParser(translators), parsed_spark_schema())


def keep_table(parsed: DataFrame, spec: TableSpec) -> DataFrame:
    """The rows of one silver table (or the dead letters), in its columns."""
    struct = spec.name.partition(".")[2]
    return parsed.where(F.col("table") == spec.name).select(f"{struct}.*").select(*spec.column_names)
