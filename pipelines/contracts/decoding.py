"""From the bytes of a Kafka value to an object: JSON, or Avro by its two marker bytes."""

import re
from typing import Any

import msgspec

from pipelines.contracts.avro import MARKER, decode_avro
from pipelines.contracts.fields import Invalid

MAX_VALUE_BYTES = 1024 * 1024
MAX_DEPTH = 64
_SCAN_LIMIT = 80
_BACKSLASH = ord("\\")

_decoder = msgspec.json.Decoder()


def decode_value(value: bytes | None) -> dict[str, Any]:
    """The object in a record's value. Raises `Invalid` of stage decode."""
    if not value:
        raise Invalid("empty_value")
    if len(value) > MAX_VALUE_BYTES:
        raise Invalid("too_large", None, f"{len(value)} bytes, limit {MAX_VALUE_BYTES}")
    is_avro = value[:2] == MARKER
    decoded = _decode_avro(value) if is_avro else decode_json(value)
    # Counting is cheap, so that only suspects are walked; Avro's own nesting has no brackets to count.
    if (is_avro or may_be_deep(value)) and _depth(decoded) > MAX_DEPTH:
        raise _too_deep()
    if type(decoded) is not dict:
        raise Invalid("not_an_object", None, type(decoded).__name__)
    return decoded


def is_plain(value: bytes) -> bool:
    r"""Whether it is no Avro, not too large, and without texts that hold NUL or half a surrogate pair.

    JSON takes control characters as `\u` escapes only, and UTF-8 has no form for half a pair.
    """
    if len(value) > MAX_VALUE_BYTES or value[:2] == MARKER:
        return False
    return _BACKSLASH not in value or b"\\u" not in value


def may_be_deep(value: bytes) -> bool:
    """Whether the JSON may be nested too deep: its brackets are an upper bound of its depth."""
    return value.count(b"{") + value.count(b"[") > MAX_DEPTH


def decode_json(value: bytes) -> Any:
    """What the JSON text holds, the depth not looked at. Raises `Invalid` of stage decode."""
    try:
        return _decoder.decode(value)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _why_not_json(value, str(error)) from None


def _decode_avro(value: bytes) -> dict[str, Any]:
    """The record, whose `properties` may nest as deep as their text is long."""
    try:
        return decode_avro(value)
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> Invalid:
    return Invalid("too_deep", None, f"limit {MAX_DEPTH}")


def _why_not_json(value: bytes, message: str) -> Invalid:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError as error:
        return Invalid("invalid_utf8", None, f"byte {error.start}")
    if re.search("out of range", message):
        return Invalid("number_out_of_range", None, message[:_SCAN_LIMIT])
    return Invalid("invalid_json", None, message[:_SCAN_LIMIT])


def _depth(node: Any) -> int:
    """Nesting of lists and objects, walked without recursion."""
    deepest, pending = 0, [(node, 1)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, dict):
            pending.extend((child, depth + 1) for child in item.values())
        elif isinstance(item, list):
            pending.extend((child, depth + 1) for child in item)
        else:
            continue
        deepest = max(deepest, depth)
    return deepest
