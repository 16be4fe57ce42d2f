"""From the bytes of a Kafka value to an object: JSON, or Avro by its two marker bytes."""

import re
from typing import Any

import msgspec

from pipelines.contracts.avro import MARKER, decode_avro
from pipelines.contracts.fields import Invalid

MAX_VALUE_BYTES = 1024 * 1024
MAX_DEPTH = 64
_SCAN_LIMIT = 80

_decoder = msgspec.json.Decoder()


def decode_value(value: bytes | None) -> dict[str, Any]:
    """The object in a record's value. Raises `Invalid` of stage decode."""
    if not value:
        raise Invalid("empty_value")
    if len(value) > MAX_VALUE_BYTES:
        raise Invalid("too_large", None, f"{len(value)} bytes, limit {MAX_VALUE_BYTES}")
    decoded = decode_avro(value) if value[:2] == MARKER else _decode_json(value)
    if type(decoded) is not dict:
        raise Invalid("not_an_object", None, type(decoded).__name__)
    return decoded


def _decode_json(value: bytes) -> Any:
    # Counting brackets is an upper bound of the depth; only suspects are walked.
    suspect = value.count(b"{") + value.count(b"[") > MAX_DEPTH
    try:
        decoded = _decoder.decode(value)
    except RecursionError:
        raise Invalid("too_deep", None, f"limit {MAX_DEPTH}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _why_not_json(value, str(error)) from None
    if suspect and _depth(decoded) > MAX_DEPTH:
        raise Invalid("too_deep", None, f"limit {MAX_DEPTH}")
    return decoded


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
