"""Where a record sent again comes from: the position of its dead letter, carried in a header."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from pipelines.contracts.parsing import ORIGIN_HEADER

_FORM = re.compile(r"([A-Za-z0-9._-]{1,249})/([0-9]{1,10})/([0-9]{1,19})")


class Position(NamedTuple):
    """One Kafka record."""

    topic: str
    partition: int
    offset: int


def origin_value(position: Position) -> bytes:
    """The header's value: `topic/partition/offset`."""
    return "{}/{}/{}".format(*position).encode()


def read_origin(value: bytes | None) -> Position | None:
    """The position in the header's value, or none when it is of another form."""
    found = _FORM.fullmatch((value or b"").decode(errors="replace"))
    return Position(found[1], int(found[2]), int(found[3])) if found else None


def origins_in(headers: Iterable[tuple[str, bytes | None]]) -> list[Position]:
    """The origins that a record's headers name."""
    found = (read_origin(value) for name, value in headers if name == ORIGIN_HEADER)
    return [position for position in found if position is not None]
