"""The JSON Schema of a topic's record, made from its declared fields, for producers and editors.

It says what a schema can say. The parser also looks at the broker's time, at depth and size.
"""

from typing import Any

from pipelines.contracts.decoding import MAX_VALUE_BYTES
from pipelines.contracts.fields import INT64_MAX, MAX_MONEY_MINOR, Field, Kind
from pipelines.contracts.parsing import MAX_LINES
from pipelines.contracts.topic import PROPERTIES, TopicSpec

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ABSENT: list[Any] = [None, ""]
_INTEGER: dict[str, Any] = {"type": "integer"}


def json_schema(topic: TopicSpec) -> dict[str, Any]:
    """The schema, as JSON data. What it accepts may still be rejected for its time."""
    record = _object(topic.fields)
    if topic.lines:
        lines = {"type": "array", "minItems": 1, "maxItems": MAX_LINES, "items": _object(topic.lines)}
        record["properties"]["lines"] = lines
        record["required"].append("lines")
    record["properties"][PROPERTIES] = {"type": ["object", "null"], "description": "anything else"}
    about = f"{topic.grain} At most {MAX_VALUE_BYTES} bytes. Kafka key: {topic.key}."
    return {"$schema": _DIALECT, "title": topic.name, "description": about, **record}


def _object(fields: tuple[Field, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.name: _member(field) for field in fields},
        "required": [field.name for field in fields if field.required],
    }


def _member(field: Field) -> dict[str, Any]:
    kinds = _kinds(field)
    if not field.required:
        kinds = [*kinds, {"enum": _ABSENT}]
    shape = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    return {"description": field.comment, **shape}


def _kinds(field: Field) -> list[dict[str, Any]]:
    """The shapes a value of the field may have, any of them."""
    text = {"type": "string", "minLength": 1, "maxLength": field.longest}
    shapes: dict[Kind, list[dict[str, Any]]] = {
        "id": [text, _INTEGER],
        "text": [{"enum": list(field.choices)} if field.choices else text],
        "time": [{"type": "string", "minLength": 1, "description": "ISO 8601"}, _INTEGER],
        "integer": [_between(field.minimum, field.maximum, widest=INT64_MAX)],
        "number": [_number(field)],
        "money": [_between(field.minimum or 0, None, widest=MAX_MONEY_MINOR)],
        "boolean": [{"type": "boolean"}],
        "currency": [{"type": "string", "pattern": "^[A-Z]{3}$"}],
    }
    return shapes[field.kind]


def _number(field: Field) -> dict[str, Any]:
    bounds = {"minimum": field.minimum, "maximum": field.maximum}
    return {"type": "number"} | {name: bound for name, bound in bounds.items() if bound is not None}


def _between(low: int | None, high: int | None, *, widest: int) -> dict[str, Any]:
    bounds = {"minimum": -widest if low is None else low, "maximum": widest if high is None else high}
    return _INTEGER | bounds
