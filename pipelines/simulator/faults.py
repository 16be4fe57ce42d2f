"""Broken records: each kind a mangled copy of a real one, with the reason it must be rejected for.

A broken record is an extra one, as from a broken client: the real event is delivered as well, so
the truth stays whole. It has an event id of its own and no sequence.
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from pipelines.contracts.avro import MARKER, encode_avro
from pipelines.contracts.decoding import MAX_DEPTH, MAX_VALUE_BYTES
from pipelines.contracts.delivery import Headers
from pipelines.contracts.parsing import KNOWN_AT_HEADER
from pipelines.contracts.topics import all_topics
from pipelines.simulator.behaviour import cumulative
from pipelines.simulator.wire import Record, encode_json


class Broken(NamedTuple):
    """The bytes of a broken record, its headers, and the reason it must be rejected for."""

    value: bytes | None
    reason: str
    headers: Headers = ()


def _cut(record: Record) -> Broken:
    return Broken(encode_json(record)[:-9], "invalid_json")


def _nan(record: Record) -> Broken:
    return Broken(encode_json(record)[:-1] + b',"price_minor":NaN}', "invalid_json")


def _not_utf8(record: Record) -> Broken:
    return Broken(encode_json(record)[:-1] + b',"brand":"caf\xe9"}', "invalid_utf8")


def _huge_number(record: Record) -> Broken:
    return Broken(encode_json(record)[:-1] + b',"scroll":1e400}', "number_out_of_range")


def _nul_character(record: Record) -> Broken:
    return Broken(encode_json(record)[:-1] + rb',"session_id":"\u0000"}', "bad_character")


def _avro_unknown(record: Record) -> Broken:
    return Broken(MARKER + b"\x00" * 8 + encode_json(record), "unknown_avro_schema")


def _avro_cut(record: Record) -> Broken:
    least = {"event_id": record["event_id"], "event_type": "page_view", "visitor_id": record["visitor_id"]}
    whole = encode_avro(least | {"occurred_at": 0}, all_topics()["clicks"])
    return Broken(whole[:-40], "invalid_avro")


def _deep(record: Record) -> Broken:
    nested = b"[" * (MAX_DEPTH + 40) + b"]" * (MAX_DEPTH + 40)
    return Broken(encode_json(record)[:-1] + b',"trail":' + nested + b"}", "too_deep")


def _large(record: Record) -> Broken:
    return Broken(encode_json({**record, "dump": "x" * MAX_VALUE_BYTES}), "too_large")


def _with(reason: str, **changed: object) -> Callable[[Record], Broken]:
    def mangle(record: Record) -> Broken:
        return Broken(encode_json({**record, **changed}), reason)

    return mangle


def _without(name: str) -> Callable[[Record], Broken]:
    def mangle(record: Record) -> Broken:
        return Broken(encode_json({k: v for k, v in record.items() if k != name}), "missing")

    return mangle


def _value(value: bytes | None, reason: str) -> Callable[[Record], Broken]:
    return lambda _record: Broken(value, reason)


def _bad_header(record: Record) -> Broken:
    return Broken(encode_json(record), "bad_header", ((KNOWN_AT_HEADER, b"soon"),))


def _bad_line(reason: str, **changed: object) -> Callable[[Record], Broken]:
    def mangle(record: Record) -> Broken:
        lines = [{**record["lines"][0], **changed}, *record["lines"][1:]]
        return Broken(encode_json({**record, "lines": lines}), reason)

    return mangle


_RARE = 0.1
_ANY: tuple[tuple[float, Callable[[Record], Broken]], ...] = (
    (1, _cut),
    (1, _not_utf8),
    (1, _huge_number),
    (1, _deep),
    (1, _nul_character),
    (1, _avro_unknown),
    (1, _avro_cut),
    (1, _bad_header),
    (_RARE, _large),
    (1, _value(b"", "empty_value")),
    (0.5, _value(None, "empty_value")),
    (1, _value(b'["not", "an", "object"]', "not_an_object")),
    (1, _without("visitor_id")),
    (1, _without("occurred_at")),
    (0.5, _with("missing", event_id="")),
    (1, _with("wrong_type", visitor_id=["v1"])),
    (1, _with("wrong_type", session_id=1.5)),
    (1, _with("bad_time", occurred_at="yesterday")),
    (1, _with("in_future", occurred_at="2999-01-01T00:00:00Z")),
    (1, _with("in_future", occurred_at=1_700_000_000_000_000)),
    (1, _with("before_2000", occurred_at=1_700_000_000)),
    (1, _with("too_long", session_id="s" * 2_000)),
)
_CLICKS = (
    *_ANY,
    (1, _nan),
    (1, _with("unknown_choice", event_type="teleport")),
    (1, _with("wrong_type", price_minor="12.99")),
    (1, _with("unknown_choice", currency="euro")),
    (1, _with("out_of_range", quantity=-1)),
)
_ORDERS = (
    *_ANY,
    (1, _with("unknown_choice", status="lost")),
    (1, _with("no_lines", lines=[])),
    (1, _bad_line("out_of_range", quantity=0)),
    (1, _bad_line("missing", product_id=None)),
    (1, _with("out_of_range", total_minor=-100)),
)
_KINDS = {"clicks": _CLICKS, "orders": _ORDERS}
_BOUNDS = {topic: cumulative([weight for weight, _ in kinds]) for topic, kinds in _KINDS.items()}


def broken_copy(record: Record, topic: str, chance: float) -> Broken:
    """The record of `clicks` or `orders`, mangled in the way that `chance` in [0, 1) selects."""
    return _KINDS[topic][bisect_right(_BOUNDS[topic], chance)][1](record)
