"""Odd records that producers send, each with the fate that the parser itself gives it.

The documentation prints this list and a test holds it, so neither can drift from the parser.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from pipelines.contracts.avro import MARKER, encode_avro
from pipelines.contracts.decoding import MAX_DEPTH
from pipelines.contracts.parsing import KNOWN_AT_HEADER, RawRecord, Reject, parse_record
from pipelines.contracts.topics import all_topics

_NOON = 1_772_366_400_000_000
"""2026-03-01 12:00 UTC, in microseconds: when the broker takes every example."""

_CLICK: dict[str, Any] = {
    "event_id": "e1",
    "event_type": "product_view",
    "occurred_at": "2026-03-01T11:59:00Z",
    "visitor_id": "v1",
}
_ORDER: dict[str, Any] = {
    "event_id": "m1",
    "order_id": "o1",
    "occurred_at": "2026-03-01T11:59:00Z",
    "visitor_id": "v1",
    "status": "paid",
    "lines": [{"product_id": "p1", "quantity": 1}],
}
_FIVE_MEGABYTES = 5 * 1024 * 1024
Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True)
class OddInput:
    """A record that somebody will send. `note` says what a silver row then holds."""

    what: str
    value: bytes | None
    note: str = ""
    topic: str = "clicks"
    headers: Headers = field(default=())

    def fate(self) -> str:
        """`silver`, `tombstone`, or the reason of the dead letter."""
        raw = RawRecord(b"v1", self.value, self.headers, _NOON)
        outcome = parse_record(raw, all_topics()[self.topic])
        if isinstance(outcome, Reject):
            return outcome.reason
        return "tombstone" if outcome[0].get("is_deleted") else "silver"


def _click(what: str, note: str = "", **changes: Any) -> OddInput:
    return OddInput(what, json.dumps({**_CLICK, **changes}).encode(), note)


def _order(what: str, *lines: Any) -> OddInput:
    return OddInput(what, json.dumps({**_ORDER, "lines": lines}).encode(), topic="orders")


def _spliced(member: bytes) -> bytes:
    """A click with one more member, given as raw bytes."""
    return json.dumps(_CLICK).encode()[:-1] + b"," + member + b"}"


def _nested(levels: int) -> bytes:
    return _spliced(b'"deep":' + b"[" * levels + b"]" * levels)


def _avro(**changes: Any) -> bytes:
    return encode_avro({**_CLICK, "occurred_at": _NOON, **changes}, all_topics()["clicks"])


def odd_inputs() -> dict[str, list[OddInput]]:
    """The list, by subject."""
    return {
        "Times": _times(),
        "Values": _values(),
        "Bytes": _bytes(),
        "Avro": _avros(),
        "Records": _records(),
    }


def _times() -> list[OddInput]:
    noon_ms = _NOON // 1000
    return [
        _click("ISO 8601 with a zone, `2026-03-01T12:59:00+01:00`", occurred_at="2026-03-01T12:59:00+01:00"),
        _click(
            "ISO 8601 without a zone, `2026-03-01 11:59:00`",
            "taken as UTC",
            occurred_at="2026-03-01 11:59:00",
        ),
        _click("epoch milliseconds, `1772366340000`", occurred_at=noon_ms - 60_000),
        _click("epoch seconds, `1772366340`", occurred_at=noon_ms // 1000 - 60),
        _click("epoch microseconds", occurred_at=_NOON - 60_000_000),
        _click('epoch milliseconds as text, `"1772366340000"`', occurred_at=str(noon_ms - 60_000)),
        _click("epoch seconds with a fraction, `1772366340.5`", occurred_at=1772366340.5),
        _click("four minutes past the broker's time", "kept as sent", occurred_at="2026-03-01T12:04:00Z"),
        _click("six minutes past the broker's time", occurred_at="2026-03-01T12:06:00Z"),
        _click("years late", "kept as sent; `ingested_at` tells", occurred_at="2019-10-01T00:00:00Z"),
        _click("before the year 2000", occurred_at="1999-12-31T23:59:59Z"),
        _click("no date, `yesterday`", occurred_at="yesterday"),
    ]


def _values() -> list[OddInput]:
    return [
        OddInput("`NaN` or `Infinity`", _spliced(b'"price_minor":NaN')),
        OddInput("`1e400`", _spliced(b'"price_minor":1e400')),
        _click('a number as text, `"quantity": "2"`', quantity="2"),
        _click('a whole number with a point, `"quantity": 2.0`', quantity=2.0),
        _click("a number below its bound, `-1` pieces", quantity=-1),
        _click("an integer where an id is meant, `42`", 'the text `"42"`', user_id=42),
        _click("an object where a text is meant", brand={"name": "x"}),
        _click("an empty text in an optional field", "null", user_id=""),
        _click("an empty text in a required field", visitor_id=""),
        _click("`null` in an optional field", "null", user_id=None),
        _click("`null` in a required field", visitor_id=None),
        _click("a word outside the vocabulary", event_type="clicked"),
        _click("a currency in lower case", price_minor=100, currency="eur"),
        _click("a field that nobody declared", "kept in `properties`", experiment="b"),
        _click("an object in `properties`", "kept in `properties`", properties={"experiment": "b"}),
        _click("a text in `properties`", properties="b"),
        _click("a text longer than its limit", brand="x" * 2000),
        _click("a text with a NUL character", brand="a\0b"),
        OddInput("half a surrogate pair, `\\ud800`", _spliced(b'"brand":"\\ud800"')),
    ]


def _bytes() -> list[OddInput]:
    return [
        OddInput("bytes that are not UTF-8", _spliced(b'"brand":"\xff"')),
        OddInput("cut off in the middle", json.dumps(_CLICK).encode()[:40]),
        OddInput("two objects in one record", json.dumps(_CLICK).encode() * 2),
        OddInput("a byte order mark in front", b"\xef\xbb\xbf" + json.dumps(_CLICK).encode()),
        OddInput("a JSON list or number", b"[1, 2]"),
        OddInput("one key twice in an object", _spliced(b'"brand":"a","brand":"b"'), "the last value"),
        OddInput("nested 60 levels deep", _nested(MAX_DEPTH - 5), "kept in `properties`"),
        OddInput("nested 100,000 levels deep", _nested(100_000)),
        OddInput("5 MB of valid JSON", _spliced(b'"brand":"%s"' % (b"x" * _FIVE_MEGABYTES))),
        OddInput("nothing at all (zero bytes)", b""),
    ]


def _avros() -> list[OddInput]:
    record = _avro(brand="x")
    return [
        OddInput("single-object encoding of the documented schema", record),
        OddInput("the same with one byte missing", record[:-1]),
        OddInput("a fingerprint that is not documented", MARKER + bytes(8) + record[10:]),
    ]


def _records() -> list[OddInput]:
    known_at = ((KNOWN_AT_HEADER, b"2026-02-01T00:00:00Z"),)
    value, wrong = json.dumps(_CLICK).encode(), ((KNOWN_AT_HEADER, b"soon"),)
    return [
        OddInput("a null value on `clicks` or `orders`", None),
        OddInput("a null value on a compacted topic", None, "the key and `is_deleted`", topic="users"),
        OddInput(
            "header `clicklake-known-at` with a time", value, "its time is `known_at`", headers=known_at
        ),
        OddInput("header `clicklake-known-at` without a time", value, headers=wrong),
        _order("an order without lines"),
        _order(
            "an order with one bad line among good ones", {"product_id": "p1", "quantity": 1}, {"quantity": 1}
        ),
    ]
