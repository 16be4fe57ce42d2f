"""The one parser: a raw Kafka record becomes silver rows, or one reject with a reason.

Plain Python, used by Spark (through Arrow), by the browser's door, by `clicklake mapping check`
and by the scorer, so that they cannot disagree.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import msgspec

from pipelines.contracts.decoding import decode_json, decode_value, is_plain, may_be_deep
from pipelines.contracts.fields import MICROS_PER_SECOND, Field, Invalid, check_characters, read_time
from pipelines.contracts.quick_reading import QuickReader
from pipelines.contracts.topic import LINES, PROPERTIES, VALID_FROM, TopicSpec

KNOWN_AT_HEADER = "clicklake-known-at"
ORIGIN_HEADER = "clicklake-origin"
"""Names the dead letter that a record was sent again for; its value is `contracts/origin.py`'s."""
FUTURE_TOLERANCE_MICROS = 5 * 60 * MICROS_PER_SECOND
YEAR_2000_MICROS = 946_684_800 * MICROS_PER_SECOND
MAX_LINES = 1000

_encoder = msgspec.json.Encoder(order="deterministic")
Row = dict[str, Any]


class RawRecord(NamedTuple):
    """A Kafka record as bronze holds it; `ingested_at` is the broker's time in UTC microseconds."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    ingested_at: int


class Reject(NamedTuple):
    """Why a record has no silver row. `stage` is decode, map, validate or deduplicate."""

    stage: str
    reason: str
    field: str | None
    detail: str


@dataclass(frozen=True)
class _Readers:
    """The compiled fields of one record or line: name, reader, required."""

    fields: tuple[tuple[str, Callable[[Any], Any], bool], ...]
    names: frozenset[str]

    @classmethod
    def of(cls, fields: Sequence[Field]) -> "_Readers":
        compiled = tuple((f.name, f.reader(), f.required) for f in fields)
        return cls(compiled, frozenset(f.name for f in fields))

    def read(self, record: dict[str, Any]) -> Row:
        row: Row = {}
        for name, reader, required in self.fields:
            value = record.get(name)
            if value is None or value == "":
                if required:
                    raise Invalid("missing", name)
                row[name] = None
            else:
                row[name] = reader(value)
        return row


@cache
def _readers(topic: TopicSpec) -> tuple[_Readers, _Readers]:
    return _Readers.of(topic.fields), _Readers.of(topic.lines)


@cache
def _quick_readers(topic: TopicSpec) -> tuple[QuickReader, QuickReader]:
    return QuickReader(topic.fields), QuickReader(topic.lines)


def parse_record(raw: RawRecord, topic: TopicSpec) -> list[Row] | Reject:
    """Silver rows of the record (one, or one a line), or why there are none.

    A null value on a compacted topic gives its tombstone row: the key and `is_deleted` alone.
    Rows hold `known_at` and the topic's columns; positions are added by the caller.
    """
    try:
        rows = _read_quickly(raw, topic)
    except Invalid:
        rows = None
    return parse_exactly(raw, topic) if rows is None else rows


def parse_exactly(raw: RawRecord, topic: TopicSpec) -> list[Row] | Reject:
    """The definition of `parse_record`: the rules one by one; the first that is broken is the reason."""
    try:
        known_at = _known_at(raw)
        if topic.compacted and raw.value is None and raw.key:
            return [_tombstone(raw, topic, known_at)]
        record = decode_value(raw.value)
    except Invalid as broken:
        return Reject("decode", broken.reason, broken.field, broken.detail)
    try:
        return _validate(record, topic, ingested_at=raw.ingested_at, known_at=known_at)
    except Invalid as broken:
        return Reject("validate", broken.reason, broken.field, broken.detail)


def _read_quickly(raw: RawRecord, topic: TopicSpec) -> list[Row] | None:
    """The rows of a plain record that breaks no rule. Null or `Invalid`: for `parse_exactly` to judge."""
    value = raw.value
    if not value or not is_plain(value):
        return None
    head, line_reader = _quick_readers(topic)
    row, undeclared = head.read(decode_json(value))
    _check_time(row["occurred_at"], raw.ingested_at)
    if undeclared and may_be_deep(value):
        return None
    lines = undeclared.pop(LINES, None) if topic.lines else None
    row[PROPERTIES] = _properties(undeclared)
    _complete(row, topic, _known_at(raw) if raw.headers else raw.ingested_at)
    if not topic.lines:
        return [row]
    return _with_lines(row, [line_reader.read(line)[0] for line in _checked(lines)])


def _validate(record: dict[str, Any], topic: TopicSpec, *, ingested_at: int, known_at: int) -> list[Row]:
    """Silver rows of a decoded record. Raises `Invalid` with the first rule that is broken."""
    head, line_readers = _readers(topic)
    row = head.read(record)
    _check_time(row["occurred_at"], ingested_at)
    declared = head.names | {LINES} if topic.lines else head.names
    row[PROPERTIES] = _properties({name: record[name] for name in record.keys() - declared})
    _complete(row, topic, known_at)
    if not topic.lines:
        return [row]
    lines = enumerate(_checked(record.get(LINES)), start=1)
    return _with_lines(row, [_line(line, number, line_readers) for number, line in lines])


def _checked(lines: Any) -> list[Any]:
    if lines is not None and not isinstance(lines, list):
        raise Invalid("wrong_type", LINES, type(lines).__name__)
    if not lines or len(lines) > MAX_LINES:
        raise Invalid("no_lines", LINES, f"{len(lines or ())} lines")
    return lines


def _complete(row: Row, topic: TopicSpec, known_at: int) -> None:
    row["known_at"] = known_at
    if topic.compacted:
        row[VALID_FROM] = row.pop("occurred_at")
        row["is_deleted"] = False


def _with_lines(row: Row, lines: list[Row]) -> list[Row]:
    """One row a line, each with all that the record itself says."""
    return [
        {**row, "line_number": number, "line_count": len(lines), **line}
        for number, line in enumerate(lines, start=1)
    ]


def _line(line: Any, number: int, readers: _Readers) -> Row:
    if not isinstance(line, dict):
        raise Invalid("wrong_type", f"lines[{number}]", type(line).__name__)
    try:
        return readers.read(line)
    except Invalid as broken:
        raise Invalid(broken.reason, f"lines[{number}].{broken.field}", broken.detail) from None


def _known_at(raw: RawRecord) -> int:
    for name, value in raw.headers:
        if name == KNOWN_AT_HEADER:
            try:
                moment = read_time((value or b"").decode(), name)
            except (Invalid, UnicodeDecodeError):
                raise Invalid("bad_header", name, repr(value)[:80]) from None
            if not YEAR_2000_MICROS <= moment <= raw.ingested_at + FUTURE_TOLERANCE_MICROS:
                raise Invalid("bad_header", name, repr(value)[:80])
            return moment
    return raw.ingested_at


def _check_time(occurred_at: int, ingested_at: int) -> None:
    if occurred_at > ingested_at + FUTURE_TOLERANCE_MICROS:
        ahead = (occurred_at - ingested_at) // MICROS_PER_SECOND
        raise Invalid("in_future", "occurred_at", f"{ahead} s past the broker's time")
    if occurred_at < YEAR_2000_MICROS:
        raise Invalid("before_2000", "occurred_at", f"{occurred_at // MICROS_PER_SECOND} s since 1970")


def _properties(undeclared: dict[str, Any]) -> str | None:
    """JSON text of what `properties` holds and of every other field that the contract does not name."""
    if not undeclared:
        return None
    given = undeclared.pop(PROPERTIES, None)
    if given is not None and not isinstance(given, dict):
        raise Invalid("wrong_type", PROPERTIES, type(given).__name__)
    kept = undeclared | given if given else undeclared
    try:
        return _encoder.encode(kept).decode() if kept else None
    except UnicodeEncodeError:
        raise Invalid("bad_character", PROPERTIES, "half a surrogate pair") from None


def _tombstone(raw: RawRecord, topic: TopicSpec, known_at: int) -> Row:
    head, _ = _readers(topic)
    try:
        key = (raw.key or b"").decode()
    except UnicodeDecodeError as error:
        raise Invalid("invalid_utf8", "key", f"byte {error.start}") from None
    check_characters(key, "key")
    row: Row = dict.fromkeys(head.names - {"occurred_at"})
    return row | {
        topic.key: key,
        VALID_FROM: known_at,
        PROPERTIES: None,
        "known_at": known_at,
        "is_deleted": True,
    }
