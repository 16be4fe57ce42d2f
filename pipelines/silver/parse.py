"""Silver in Spark: parsed records, and the rows of each table among them. DataFrame in, DataFrame out."""

from functools import cache

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from pipelines.contracts.lake import POSITION_KEY
from pipelines.contracts.tables import TableSpec
from pipelines.silver.arrow_parser import ArrowParser, parsed_schema
from pipelines.silver.reading import RecordReader


@cache
def parsed_spark_schema() -> StructType:
    """Spark's form of `arrow_parser.parsed_schema`, everything nullable."""
    return from_arrow_schema(parsed_schema())


def parse_records(bronze: DataFrame, *, reader: RecordReader) -> DataFrame:
    """Parsed records of bronze records. One row per silver row or dead letter."""
    return bronze.mapInArrow(ArrowParser(reader), parsed_spark_schema())


def keep_table(parsed: DataFrame, spec: TableSpec) -> DataFrame:
    """The rows of one silver table (or the dead letters), in its columns."""
    struct = spec.name.partition(".")[2]
    return parsed.where(F.col("table") == spec.name).select(f"{struct}.*").select(*spec.column_names)


def drop_positions(rows: DataFrame, positions: DataFrame) -> DataFrame:
    """The rows whose topic, partition and offset are not among the positions, which are few."""
    return rows.join(F.broadcast(positions), list(POSITION_KEY), "left_anti").select(*rows.columns)


def keep_positions(rows: DataFrame, positions: DataFrame) -> DataFrame:
    """The rows whose topic, partition and offset are among the positions, which are few."""
    return rows.join(F.broadcast(positions), list(POSITION_KEY), "left_semi").select(*rows.columns)
