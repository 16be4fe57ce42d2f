"""From clicks and levels to Kafka messages: actions of VIPs, and dead letters with their reason."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.avro.functions import to_avro
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructType,
    TimestampType,
)

from pipelines.contracts.avro import MARKER, avro_schema, fingerprint_of
from pipelines.contracts.vips import FIELD_HEADER, REASON_HEADER, SOURCE_HEADER, VIP_ACTION

Format = Literal["json", "avro"]

ACTION_FIELDS = tuple(field.name for field in VIP_ACTION.fields)
MESSAGE_COLUMNS = ("topic", "key", "value", "headers")
_AVRO_TYPES: dict[type[DataType], Any] = {
    StringType: "string",
    IntegerType: "int",
    LongType: "long",
    DoubleType: "double",
    BooleanType: "boolean",
    TimestampType: {"type": "long", "logicalType": "timestamp-micros"},
}
_JSON_OPTIONS = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"}


@dataclass(frozen=True)
class Output:
    """Where actions and dead letters go, how actions are written, and the user's SQL expression.

    A dead letter carries a value of at most `longest_value` bytes: with its reason beside it a longer one
    would not fit into a message.
    """

    actions: str
    dead_letters: str
    format: Format
    function: str | None
    longest_value: int


def with_levels(clicks: DataFrame, levels: DataFrame) -> DataFrame:
    """The clicks of VIPs, with `name` and `level`, and the records that could not be read.

    `levels` is one row per VIP: user_id, name, level. It is broadcast, so it must fit into memory.
    """
    known = levels.withColumnRenamed("user_id", "_vip")
    joined = clicks.join(F.broadcast(known), F.col("user_id") == F.col("_vip"), "left").drop("_vip")
    return joined.where(F.col("reason").isNotNull() | F.col("level").isNotNull())


def function_type(rows: DataFrame, function: str) -> DataType:
    """What the user's expression gives for a row. Raises Spark's own error for a mistaken one."""
    return rows.select("*", F.expr(function).alias("_function")).schema["_function"].dataType


def refusal(found: DataType, output: Output) -> str | None:
    """Why such a result of the user's expression cannot be used, or none."""
    if isinstance(found, BooleanType):
        return None
    if not isinstance(found, StructType):
        return f"it gives {found.simpleString()}: a condition, or named_struct('name', value, ...), is needed"
    taken = sorted({field.name for field in found.fields} & {*ACTION_FIELDS, "properties"})
    if taken:
        return f"the message has {', '.join(taken)} already: choose another name"
    strange = [field.name for field in found.fields if type(field.dataType) not in _AVRO_TYPES]
    if output.format == "avro" and strange:
        return f"Avro takes text, numbers, booleans and times, not the type of {', '.join(strange)}"
    return None


def action_schema(function: DataType | None) -> dict[str, Any]:
    """The Avro schema of an action, with the fields that the user's expression adds."""
    schema = avro_schema(VIP_ACTION)
    extra = function.fields if isinstance(function, StructType) else []
    for field in extra:
        kind = ["null", _AVRO_TYPES[type(field.dataType)]]
        schema["fields"].append({"name": field.name, "type": kind, "default": None})
    return schema


def messages(rows: DataFrame, output: Output) -> DataFrame:
    """Kafka messages, one per row of `with_levels`, or none where the user's condition does not hold.

    Beside topic, key, value and headers there are `action`, the message as a struct, null of a dead
    letter, and `original_key` and `original_value`, the bytes that came.
    """
    found = function_type(rows, output.function) if output.function else None
    if isinstance(found, BooleanType):
        rows = rows.where(F.col("reason").isNotNull() | F.expr(output.function or "true"))
    extra = _extra(found, output)
    action = F.struct(*ACTION_FIELDS, *extra)
    is_action = F.col("reason").isNull()
    rows = rows.withColumn("action", F.when(is_action, action))
    return rows.select(
        F.when(is_action, output.actions).otherwise(output.dead_letters).alias("topic"),
        F.when(is_action, F.coalesce("visitor_id", "user_id").cast("binary"))
        .otherwise(F.col("key"))
        .alias("key"),
        F.when(is_action, _encoded(output.format, found))
        .otherwise(F.when(F.length("value") <= output.longest_value, F.col("value")))
        .alias("value"),
        F.when(is_action, F.array(_header(SOURCE_HEADER, F.col("id"))))
        .otherwise(_dead_headers())
        .alias("headers"),
        "action",
        F.col("key").alias("original_key"),
        F.col("value").alias("original_value"),
    )


def _extra(found: DataType | None, output: Output) -> list[Column]:
    if not isinstance(found, StructType):
        return []
    made = F.expr(output.function or "null")
    return [made[field.name].alias(field.name) for field in found.fields]


def _encoded(form: Format, function: DataType | None) -> Column:
    if form == "json":
        return F.to_json("action", _JSON_OPTIONS).cast("binary")
    schema = action_schema(function)
    names = [field["name"] for field in schema["fields"]]
    members = [
        F.col(f"action.{name}") if name != "properties" else F.lit(None).cast("string").alias(name)
        for name in names
    ]
    opening = F.lit(MARKER + fingerprint_of(schema))
    return F.concat(opening, to_avro(F.struct(*members), json.dumps(schema)))


def _dead_headers() -> Column:
    told = F.array(
        _header(REASON_HEADER, F.col("reason")),
        _header(FIELD_HEADER, F.col("field")),
        _header(SOURCE_HEADER, F.col("id")),
    )
    return F.concat(F.coalesce("headers", F.array().cast(_HEADERS)), told)


_HEADERS = "array<struct<key:string,value:binary>>"


def _header(name: str, value: Column) -> Column:
    return F.struct(F.lit(name).alias("key"), value.cast("binary").alias("value"))
