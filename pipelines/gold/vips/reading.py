"""Clicks read by Spark's own expressions: Real-Time Mode runs no Python in a query.

JSON and Avro, told apart by content, become one VARIANT, which one set of rules reads. A record is
judged by the fields that the route uses, with the reasons of the data contract; silver judges the rest.
"""

import json
from collections.abc import Iterable, Iterator

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.avro.functions import from_avro

from pipelines.contracts.avro import MARKER, avro_schema, fingerprint_of
from pipelines.contracts.decoding import MAX_VALUE_BYTES
from pipelines.contracts.fields import Field
from pipelines.contracts.parsing import FUTURE_TOLERANCE_MICROS
from pipelines.contracts.topic import TopicSpec
from pipelines.contracts.topics import all_topics
from pipelines.contracts.vips import SHORT_CLICK, read_fields

_FUTURE = f"interval {FUTURE_TOLERANCE_MICROS} microseconds"
_BODY_FROM = 11
"""The first byte after marker and fingerprint, counted from 1."""
_INTEGER = r"^(BIGINT|DECIMAL\\(\\d+,0\\))$"
_ISO = r"^\\d{4}-\\d{2}-\\d{2}([T ]\\d{2}:\\d{2}(:\\d{2}([.,]\\d{1,9})?)?(Z|[+-]\\d{2}(:?\\d{2})?)?)?$"
_SHORT_ZONE = r"([T ].*[+-]\\d{2})(\\d{2})$"
_LATEST_MILLIS = 253_402_300_799_999


def read_clicks(records: DataFrame) -> DataFrame:
    """One row per Kafka record: its bytes, `id` (topic/partition/offset), and the click, or why it is none.

    `records` are rows of Spark's Kafka source with headers. `reason` and `field` say what is wrong, null
    when nothing is. `record` is all that was sent, as a VARIANT. A click that does not say when it happened
    happened at `ingested_at`, the broker's time.
    """
    decoded = records.select(
        F.concat_ws("/", "topic", "partition", "offset").alias("id"),
        "key",
        "value",
        "headers",
        F.col("timestamp").alias("ingested_at"),
        _record().alias("record"),
    )
    fields = read_fields()
    # Each step uses what the one before has made more than once, so that Spark makes it once: written in
    # one another, the same expressions took seconds to plan at the start of each batch.
    looked = decoded.select("*", _unreadable().alias("_unreadable"), *_given(fields))
    timed = looked.select("*", *(_time(field) for field in fields if field.kind == "time"))
    judged = timed.select("*", _judged(fields).alias("_flaw"))
    return judged.select(
        *("id", "key", "value", "headers", "ingested_at", "record"),
        F.col("_flaw.reason").alias("reason"),
        F.col("_flaw.field").alias("field"),
        *("user_id", "visitor_id", "session_id", "event_id", "element", "product_id", "category", "device"),
        F.coalesce("page", "page_url", "page_type").alias("page"),
        F.coalesce("action", "event_type").alias("action"),
        F.coalesce("agent", "user_agent").alias("agent"),
        F.coalesce("_occurred_at_time", "ingested_at").alias("occurred_at"),
    )


def _record() -> Column:
    text = F.col("value").cast("string")
    json_record = F.when(F.is_valid_utf8(text), F.try_parse_json(text))
    found = F.when(F.length("value") > MAX_VALUE_BYTES, F.lit(None))
    for topic in _avro_topics():
        found = found.when(_begins_with(topic), F.to_variant_object(_from_avro(topic)))
    return found.when(_is_avro(), F.lit(None)).otherwise(json_record)


def _avro_topics() -> tuple[TopicSpec, ...]:
    return all_topics()["clicks"], SHORT_CLICK


def _is_avro() -> Column:
    return F.substring("value", 1, len(MARKER)) == F.lit(MARKER)


def _begins_with(topic: TopicSpec) -> Column:
    opening = MARKER + fingerprint_of(avro_schema(topic))
    return F.substring("value", 1, len(opening)) == F.lit(opening)


def _from_avro(topic: TopicSpec) -> Column:
    """The record, or null: a body that does not decode has no key."""
    body = F.expr(f"substring(value, {_BODY_FROM})")
    record = from_avro(body, json.dumps(avro_schema(topic)), {"mode": "PERMISSIVE"})
    return F.when(record[topic.key].isNotNull(), record)


def _unreadable() -> Column:
    """Why the value holds no record, or null."""
    known = _begins_with(_avro_topics()[0]) | _begins_with(_avro_topics()[1])
    return (
        F.when(F.col("value").isNull() | (F.length("value") == 0), "empty_value")
        .when(F.length("value") > MAX_VALUE_BYTES, "too_large")
        .when(_is_avro() & ~known, "unknown_avro_schema")
        .when(_is_avro() & F.col("record").isNull(), "invalid_avro")
        .when(_is_avro(), None)
        .when(~F.is_valid_utf8(F.col("value").cast("string")), "invalid_utf8")
        .when(F.col("record").isNull(), "invalid_json")
        .when(~F.schema_of_variant("record").startswith("OBJECT"), "not_an_object")
    )


def _given(fields: Iterable[Field]) -> Iterator[Column]:
    """What the record holds under the fields' names: the type, and the text, null when empty."""
    for field in fields:
        at = f"'$.{field.name}'"
        of_record = f"schema_of_variant(variant_get(record, {at}, 'variant'))"
        yield F.expr(f"coalesce({of_record}, 'VOID')").alias(f"_{field.name}_type")
        yield F.expr(f"nullif(try_variant_get(record, {at}, 'string'), '')").alias(field.name)


def _time(field: Field) -> Column:
    text, at = field.name, f"'$.{field.name}'"
    millis = f"greatest(least(try_variant_get(record, {at}, 'bigint'), {_LATEST_MILLIS}), 0)"
    iso = f"try_cast(regexp_replace({text}, '{_SHORT_ZONE}', '$1:$2') as timestamp)"
    return F.expr(
        f"case _{field.name}_type when 'TIMESTAMP' then try_variant_get(record, {at}, 'timestamp')"
        f" when 'BIGINT' then timestamp_millis({millis})"
        f" when 'STRING' then case when {text} rlike '{_ISO}' then {iso} end end"
    ).alias(f"_{field.name}_time")


def _judged(fields: tuple[Field, ...]) -> Column:
    """The first flaw: of the value, of a field, of the whole."""
    flaws = [_flaw(F.col("_unreadable").isNotNull(), F.col("_unreadable"), None)]
    for field in fields:
        reason = _time_flaw(field) if field.kind == "time" else _text_flaw(field)
        flaws.append(_flaw(reason.isNotNull(), reason, field.name))
    nobody = F.col("user_id").isNull() & F.col("visitor_id").isNull()
    flaws.append(_flaw(nobody, F.lit("missing"), "visitor_id"))
    return F.coalesce(*flaws)


def _flaw(condition: Column, reason: Column, field: str | None) -> Column:
    named = F.lit(field).cast("string").alias("field")
    return F.when(condition, F.struct(reason.alias("reason"), named))


def _text_flaw(field: Field) -> Column:
    kind, text = F.col(f"_{field.name}_type"), F.col(field.name)
    fits = kind == "STRING"
    if field.kind == "id":
        fits |= F.expr(f"_{field.name}_type rlike '{_INTEGER}'")
    flaw = (
        F.when(text.isNull(), None)
        .when(~fits, "wrong_type")
        .when(F.length(text) > field.longest, "too_long")
        .when(F.instr(text, "\0") > 0, "bad_character")
    )
    return flaw.when(~text.isin(*field.choices), "unknown_choice") if field.choices else flaw


def _time_flaw(field: Field) -> Column:
    kind, text = F.col(f"_{field.name}_type"), F.col(field.name)
    moment = F.col(f"_{field.name}_time")
    return (
        F.when(text.isNull(), None)
        .when(~kind.isin("TIMESTAMP", "BIGINT", "STRING"), "wrong_type")
        .when(moment.isNull(), "bad_time")
        .when(moment > F.col("ingested_at") + F.expr(_FUTURE), "in_future")
        .when(moment < F.expr("timestamp'2000-01-01 00:00:00Z'"), "before_2000")
    )
