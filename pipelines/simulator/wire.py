"""Records as bytes: JSON or Avro, times as ISO 8601 text or epoch milliseconds."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from pipelines.contracts.avro import encode_avro
from pipelines.contracts.topic import PROPERTIES
from pipelines.contracts.topics import all_topics

Record = dict[str, Any]
_encoder = msgspec.json.Encoder()
_MICROS_PER_MS = 1_000


def encode_json(record: Record) -> bytes:
    """The record as compact JSON, fields in the order given."""
    return _encoder.encode(record)


def encode_as_avro(record: Record, topic: str, *, occurred_ms: int) -> bytes:
    """The record of clicks or orders as an Avro single object; what the schema lacks in `properties`."""
    spec = all_topics()[topic]
    known = {field.name for field in spec.fields} | {"lines"}
    rest = {name: value for name, value in record.items() if name not in known and name != PROPERTIES}
    properties = rest | record.get(PROPERTIES, {})
    plain = {name: value for name, value in record.items() if name in known}
    plain["occurred_at"] = occurred_ms * _MICROS_PER_MS
    if properties:
        plain[PROPERTIES] = encode_json(properties).decode()
    return encode_avro(plain, spec)


class Clock:
    """Milliseconds since 1970 as ISO 8601 text; remembers the second, so that most are cheap."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def iso(self, ms: int) -> str:
        """Such as 2024-02-29T23:59:59.007Z."""
        second, rest = divmod(ms, 1000)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._text}.{rest:03d}Z"
