"""Rows as versions: what is sent for a row, and what is remembered of it to know when it changes."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from pipelines.contracts.fields import MICROS_PER_SECOND
from pipelines.contracts.kafka_record import KafkaRecord

POLLED_HEADER = "clicklake-polled"
"""Marks what a poll has sent: only such a version is deleted when its key has vanished."""
POLLED_HEADERS = ((POLLED_HEADER, b"1"),)

_TIME = "occurred_at"
_NULL = b"null"
_WHOLE = re.compile(rb"(-?[0-9]+)\.0+")
_Members = dict[str, msgspec.Raw]
_decoder = msgspec.json.Decoder(_Members)
_encoder = msgspec.json.Encoder()


class Mark(NamedTuple):
    """What is remembered of a version: digests of its content and of its time, and who sent it."""

    content: bytes
    time: bytes | None
    polled: bool

    def same_as(self, sent: "Mark | None") -> bool:
        """Whether this row says what was sent; a row without a time of its own has any."""
        return (
            sent is not None
            and sent.content == self.content
            and (self.time is None or self.time == sent.time)
        )


class Version(NamedTuple):
    """A row as it is sent. `key` is empty when the row has none."""

    key: bytes
    value: bytes
    mark: Mark


def encode_row(text: str, *, key_field: str, now: int) -> Version | None:
    """The version that a row's JSON object gives at the poll's time `now` (UTC microseconds).

    Nulls are left out, whole decimals become integers, and a row without `occurred_at` has the poll's.
    None of a row whose JSON is nested too deep to be read.
    """
    try:
        members = _members(text.encode())
    except (msgspec.MsgspecError, RecursionError):
        return None
    key = _key_text(members.get(key_field))
    mark = _mark(members, polled=True)
    if _TIME not in members:
        members[_TIME] = msgspec.Raw(_encoder.encode(_iso(now)))
    return Version(key, _encoder.encode(members), mark)


def remember(records: Iterable[KafkaRecord]) -> dict[bytes, Mark]:
    """Key → mark of its latest version, of the keys that the topic's records have not deleted."""
    memory: dict[bytes, Mark] = {}
    for record in records:
        if not record.key:
            continue
        if record.value is None:
            memory.pop(record.key, None)
        else:
            polled = any(name == POLLED_HEADER for name, _ in record.headers)
            memory[record.key] = _mark_of(record.value, polled=polled)
    return memory


def _mark_of(value: bytes, *, polled: bool) -> Mark:
    try:
        return _mark(_members(value), polled=polled)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):  # somebody else's bytes
        return Mark(_digest(value), None, polled)


def _members(value: bytes) -> _Members:
    """The members that say something. Nested values stay as they are, byte for byte."""
    members = ((name, _plain(raw)) for name, raw in _decoder.decode(value).items())
    return {name: msgspec.Raw(raw) for name, raw in members if raw != _NULL}


def _plain(raw: msgspec.Raw) -> bytes:
    content = bytes(raw)
    whole = _WHOLE.fullmatch(content)  # numeric(10,2) * 100 is 1990.00, and an amount to everybody
    return whole[1] if whole else content


def _key_text(raw: msgspec.Raw | None) -> bytes:
    content = b"" if raw is None else bytes(raw)
    return str(msgspec.json.decode(content)).encode(errors="replace") if content.startswith(b'"') else content


def _mark(members: _Members, *, polled: bool) -> Mark:
    content = b"\0".join(
        name.encode() + b"\0" + bytes(raw) for name, raw in sorted(members.items()) if name != _TIME
    )
    time = members.get(_TIME)
    return Mark(_digest(content), None if time is None else _digest(bytes(time)), polled)


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=12).digest()


def _iso(micros: int) -> str:
    moment = datetime.fromtimestamp(micros // MICROS_PER_SECOND, UTC).replace(
        microsecond=micros % MICROS_PER_SECOND
    )
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
