"""Avro on the wire: single-object encoding (C3 01, CRC-64-AVRO fingerprint, body).

The schemas are made from the topics' declared fields, so JSON and Avro cannot drift apart. Times
are `timestamp-micros`, `properties` is JSON text, everything optional is a union with null.
"""

import io
from functools import cache
from typing import Any

import fastavro
import msgspec
from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

from pipelines.contracts.fields import Field, Invalid
from pipelines.contracts.topic import PROPERTIES, TopicSpec
from pipelines.contracts.topics import all_topics

MARKER = b"\xc3\x01"
_HEADER_BYTES = 10
_TYPES: dict[str, Any] = {
    "id": "string",
    "text": "string",
    "currency": "string",
    "integer": "long",
    "number": "double",
    "money": "long",
    "boolean": "boolean",
    "time": {"type": "long", "logicalType": "timestamp-micros"},
}


def avro_schema(topic: TopicSpec) -> dict[str, Any]:
    """The Avro schema of the topic's record, as JSON data."""
    members = [_member(field) for field in topic.fields]
    if topic.lines:
        line = {"type": "record", "name": "Line", "fields": [_member(field) for field in topic.lines]}
        members.append({"name": "lines", "type": {"type": "array", "items": line}})
    members.append({"name": PROPERTIES, "type": ["null", "string"], "default": None})
    return {
        "type": "record",
        "name": topic.name.title(),
        "namespace": "clicklake",
        "doc": topic.grain,
        "fields": members,
    }


def _member(field: Field) -> dict[str, Any]:
    kind = _TYPES[field.kind]
    if field.required:
        return {"name": field.name, "type": kind, "doc": field.comment}
    return {"name": field.name, "type": ["null", kind], "default": None, "doc": field.comment}


def fingerprint_of(schema: dict[str, Any]) -> bytes:
    """The 8 bytes, little endian, that name a schema in single-object encoding."""
    digest = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
    return bytes.fromhex(digest)


@cache
def _known() -> dict[bytes, Any]:
    schemas = [avro_schema(topic) for topic in all_topics().values()]
    return {fingerprint_of(schema): parse_schema(schema) for schema in schemas}


def encode_avro(record: dict[str, Any], topic: TopicSpec) -> bytes:
    """The record as a single object. Times are integers of UTC microseconds or aware datetimes."""
    opening, schema = _prepared(topic)
    body = io.BytesIO()
    fastavro.schemaless_writer(body, schema, record)
    return opening + body.getvalue()


@cache
def _prepared(topic: TopicSpec) -> tuple[bytes, Any]:
    """The first bytes of every value of the topic, and its parsed schema."""
    schema = avro_schema(topic)
    return MARKER + fingerprint_of(schema), parse_schema(schema)


def decode_avro(value: bytes) -> dict[str, Any]:
    """The record of a single object, nulls left out, times as ISO text, `properties` as data."""
    schema = _known().get(value[2:_HEADER_BYTES])
    if schema is None:
        raise Invalid("unknown_avro_schema", None, value[2:_HEADER_BYTES].hex())
    body = io.BytesIO(value[_HEADER_BYTES:])
    try:
        record: dict[str, Any] = fastavro.schemaless_reader(body, schema)
        if body.read(1):
            raise Invalid("invalid_avro", None, "bytes follow the record")
        if record.get(PROPERTIES):
            record[PROPERTIES] = msgspec.json.decode(record[PROPERTIES])
    except (EOFError, IndexError, ValueError, OverflowError, MemoryError) as error:
        raise Invalid("invalid_avro", None, str(error)[:80]) from None
    return {name: _plain(item) for name, item in record.items() if item is not None}


def _plain(item: Any) -> Any:
    return item.isoformat() if hasattr(item, "isoformat") else item
