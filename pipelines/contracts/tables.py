"""Declared tables: one `TableSpec` says what a Delta table holds, and everything else is made from it.

Tables are created and checked from it, transforms end with a select of its columns, tests build rows
from it and the documentation is printed from it.
"""

from dataclasses import dataclass

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from pipelines.contracts.fields import Field, Kind

STRING, LONG, INTEGER, BOOLEAN = StringType(), LongType(), IntegerType(), BooleanType()
DOUBLE = DoubleType()
TIMESTAMP, DATE, BINARY = TimestampType(), DateType(), BinaryType()
HEADERS = ArrayType(StructType([StructField("key", STRING), StructField("value", BINARY)]))

_KINDS: dict[Kind, DataType] = {
    "id": STRING,
    "text": STRING,
    "currency": STRING,
    "time": TIMESTAMP,
    "integer": LONG,
    "number": DOUBLE,
    "money": LONG,
    "boolean": BOOLEAN,
}


@dataclass(frozen=True)
class Column:
    """One column: its Spark type, its meaning, and whether it may be null."""

    name: str
    type: DataType
    comment: str
    nullable: bool = True

    @classmethod
    def of(cls, field: Field) -> "Column":
        """The column that a wire field becomes."""
        return cls(field.name, _KINDS[field.kind], field.comment)


@dataclass(frozen=True)
class TableSpec:
    """One table `<layer>.<plural>`. Bronze and silver are append-only, gold's partitions are replaced.

    `partitions` are its folders; `skipping` are the columns whose bounds each file keeps, so that a read
    can pass over it.
    """

    name: str
    grain: str
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    partitions: tuple[str, ...] = ()
    skipping: tuple[str, ...] = ()
    retention_days: int | None = None

    @property
    def column_names(self) -> list[str]:
        """Names in their order."""
        return [column.name for column in self.columns]

    def schema(self) -> StructType:
        """The Spark schema, with a comment on every column."""
        return StructType(
            [StructField(c.name, c.type, c.nullable, {"comment": c.comment}) for c in self.columns]
        )


POSITION_COLUMNS = (
    Column("topic", STRING, "Kafka topic of the bronze record", nullable=False),
    Column("partition", INTEGER, "its partition", nullable=False),
    Column("offset", LONG, "its offset", nullable=False),
    Column("ingested_at", TIMESTAMP, "when the broker took it, by the broker's clock", nullable=False),
    Column("ingested_date", DATE, "day of ingested_at, UTC", nullable=False),
)
