"""Declared fields of wire records: a kind, bounds, a meaning; and how a JSON value is read as one.

`Field.read` gives the silver value or raises `Invalid` with a reason of `REASONS`. Nothing is
altered on the way in: a value that breaks its rule rejects the record, it is never trimmed.
Two leniencies, both documented: an empty string counts as absent, and an integer given for an id
is taken as its decimal digits.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Kind = Literal["id", "text", "time", "integer", "number", "money", "boolean", "currency"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROS_PER_MILLI = 1_000
MICROS_PER_SECOND = 1_000_000
MAX_MONEY_MINOR = 10**15
MAX_TEXT_CHARACTERS = 1024
# Ids are keys: Postgres holds at most 2,704 bytes in a row of an index. Two ids of 256 characters, 4 bytes
# each, take 2,048 and leave room for times, positions and short names. Three do not fit: the keys of
# gold.checkouts and gold.touchpoints have the order's id, and digests of the visitor's and the event's.
MAX_ID_CHARACTERS = 256
INT64_MAX = 2**63 - 1
_LATEST_MICROS = 253_402_300_799_999_999

REASONS: dict[str, str] = {
    "empty_value": "the record has no value where one is needed",
    "too_large": "the value is longer than 1 MiB",
    "too_deep": "JSON nested deeper than 64 levels",
    "invalid_utf8": "the bytes are not UTF-8",
    "invalid_json": "the bytes are not JSON (NaN and Infinity are not JSON)",
    "number_out_of_range": "a number that no 64-bit type holds, such as 1e400",
    "not_an_object": "JSON, but not an object",
    "unknown_avro_schema": "Avro single-object encoding with a fingerprint of no documented schema",
    "invalid_avro": "Avro bytes that do not decode by their schema",
    "bad_header": "the header clicklake-known-at is not a time, or lies past the broker's time",
    "unmapped": "no select of the bound mapping gives a row for this message",
    "mapping_failed": "the bound mapping raises an error on this message",
    "missing": "a required field is absent, null or empty",
    "wrong_type": "a value of another type than declared",
    "bad_time": "not an ISO 8601 time and not epoch milliseconds",
    "in_future": "more than 5 minutes past the broker's time",
    "before_2000": "before the year 2000 (often epoch seconds sent as milliseconds)",
    "unknown_choice": "a value outside the documented vocabulary",
    "too_long": "a text longer than its limit",
    "bad_character": "a text with a NUL character or half a surrogate pair",
    "out_of_range": "a number outside its documented bounds",
    "conflicting_id": "the event id of an earlier record of the visitor, with other content",
    "parser_failed": "the parser itself failed: a fault of clicklake; send it again after the fix",
    "no_lines": "an order without lines, or with more than 1000",
}
"""Every reason a dead letter can have, and what it means."""


class Invalid(Exception):  # noqa: N818 - it is data, caught within the parser, never an error to a person
    """A value breaks its rule: `reason` of `REASONS`, the field's name, a short detail."""

    def __init__(self, reason: str, field: str | None = None, detail: str = "") -> None:
        super().__init__(reason, field, detail)
        self.reason = reason
        self.field = field
        self.detail = detail


@dataclass(frozen=True)
class Field:
    """One field of a wire record and the silver column it becomes.

    `minimum` and `maximum` bound integers and numbers; `max_length` bounds texts and ids in characters,
    where the kind's own bound is not meant.
    """

    name: str
    kind: Kind
    comment: str
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    max_length: int | None = None

    @property
    def longest(self) -> int:
        """The most characters of a text or an id."""
        if self.max_length is not None:
            return self.max_length
        return MAX_ID_CHARACTERS if self.kind == "id" else MAX_TEXT_CHARACTERS

    def reader(self) -> Callable[[Any], Any]:
        """A function from the JSON value (never null) to the silver value; raises `Invalid`."""
        return _READERS[self.kind](self)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _wrong_type(field: Field, value: object) -> Invalid:
    return Invalid("wrong_type", field.name, f"{type(value).__name__}: {_shown(value)}")


def _text_reader(field: Field) -> Callable[[Any], str]:
    limit, choices = field.longest, frozenset(field.choices)

    def read(value: Any) -> str:
        if type(value) is not str:
            raise _wrong_type(field, value)
        if len(value) > limit:
            raise Invalid("too_long", field.name, f"{len(value)} characters, limit {limit}")
        if not value.isascii() or "\0" in value:
            check_characters(value, field.name)
        if choices and value not in choices:
            raise Invalid("unknown_choice", field.name, _shown(value))
        return value

    return read


def check_characters(value: str, field: str | None) -> None:
    """Raise `Invalid` when the text holds what UTF-8 or Postgres cannot hold."""
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise Invalid("bad_character", field, _shown(value))


def _id_reader(field: Field) -> Callable[[Any], str]:
    read_text = _text_reader(field)

    def read(value: Any) -> str:
        return str(value) if type(value) is int else read_text(value)

    return read


def _integer_reader(field: Field) -> Callable[[Any], int]:
    low = -INT64_MAX if field.minimum is None else field.minimum
    high = INT64_MAX if field.maximum is None else field.maximum

    def read(value: Any) -> int:
        if type(value) is not int:
            raise _wrong_type(field, value)
        if not low <= value <= high:
            raise Invalid("out_of_range", field.name, f"{value} is not in {low}..{high}")
        return value

    return read


def _number_reader(field: Field) -> Callable[[Any], float]:
    low = -math.inf if field.minimum is None else field.minimum
    high = math.inf if field.maximum is None else field.maximum

    def read(value: Any) -> float:
        if type(value) is not float and type(value) is not int:
            raise _wrong_type(field, value)
        if not (low <= value <= high and math.isfinite(value)):
            raise Invalid("out_of_range", field.name, f"{_shown(value)} is not in {low}..{high}")
        return float(value)

    return read


def _money_reader(field: Field) -> Callable[[Any], int]:
    bounded = Field(field.name, "integer", "", minimum=field.minimum or 0, maximum=MAX_MONEY_MINOR)
    return _integer_reader(bounded)


def _boolean_reader(field: Field) -> Callable[[Any], bool]:
    def read(value: Any) -> bool:
        if type(value) is not bool:
            raise _wrong_type(field, value)
        return value

    return read


def _currency_reader(field: Field) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if type(value) is not str:
            raise _wrong_type(field, value)
        if len(value) != 3 or not (value.isascii() and value.isalpha() and value.isupper()):
            raise Invalid("unknown_choice", field.name, f"{_shown(value)} is not an ISO 4217 code")
        return value

    return read


def read_time(value: Any, field: str) -> int:
    """UTC microseconds of an ISO 8601 text (no zone: UTC) or of integer epoch milliseconds."""
    if type(value) is int:
        micros = value * MICROS_PER_MILLI
        if micros > _LATEST_MICROS:
            raise Invalid("in_future", field, f"{value} epoch milliseconds lie past the year 9999")
        return max(micros, 0)
    if type(value) is not str:
        raise Invalid("wrong_type", field, f"{type(value).__name__}: {_shown(value)}")
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        since = moment - _EPOCH
    except (ValueError, OverflowError):
        raise Invalid("bad_time", field, _shown(value)) from None
    return (since.days * 86_400 + since.seconds) * MICROS_PER_SECOND + since.microseconds


def _time_reader(field: Field) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        return read_time(value, field.name)

    return read


_READERS: dict[Kind, Callable[[Field], Callable[[Any], Any]]] = {
    "id": _id_reader,
    "text": _text_reader,
    "time": _time_reader,
    "integer": _integer_reader,
    "number": _number_reader,
    "money": _money_reader,
    "boolean": _boolean_reader,
    "currency": _currency_reader,
}
