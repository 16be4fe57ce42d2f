"""What the dashboard takes from the route's messages: actions, put together to visits; reasons, counted."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import fastavro
import msgspec

from pipelines.contracts.avro import MARKER
from pipelines.contracts.vips import REASON_HEADER, SOURCE_HEADER

VISIT_GAP = timedelta(minutes=30)
"""A pause that ends a visit."""
_BODY_FROM = 10

Headers = Sequence[tuple[str, bytes | None]]


class Action(msgspec.Struct, frozen=True):
    """An action of a VIP, as far as visits need it. `occurred_at` is aware."""

    user_id: str
    level: str
    occurred_at: datetime
    name: str | None = None


@dataclass(frozen=True)
class Source:
    """Where a message was made from: a partition of a topic, and the offset in it."""

    place: str
    offset: int


@dataclass(frozen=True)
class Visit:
    """Actions of one user with no pause longer than `VISIT_GAP` between them."""

    user_id: str
    first_seen: datetime
    last_seen: datetime
    name: str | None
    level: str
    pages: int


def source_of(headers: Headers) -> Source | None:
    """Where the message was made from, or none when another program wrote it."""
    text = dict(headers).get(SOURCE_HEADER)
    place, _, offset = (text or b"").decode("utf-8", "replace").rpartition("/")
    return Source(place, int(offset)) if place and offset.isdecimal() else None


def reason_of(headers: Headers) -> str:
    """Why the message is a dead letter."""
    return (dict(headers).get(REASON_HEADER) or b"unknown").decode("utf-8", "replace")


def read_action(value: bytes | None, schema: dict[str, Any]) -> Action | None:
    """The action of a message in JSON, or in Avro by that schema; none when it is of neither kind."""
    try:
        if (value or b"").startswith(MARKER):
            body = io.BytesIO((value or b"")[_BODY_FROM:])
            return msgspec.convert(fastavro.schemaless_reader(body, schema, None), Action)
        return msgspec.json.decode(value or b"", type=Action)
    except (msgspec.MsgspecError, ValueError, EOFError, IndexError):
        return None


def visits_of(actions: Iterable[Action]) -> list[Visit]:
    """The visits that the actions make up, in the order of user and time."""
    visits: list[Visit] = []
    for action in sorted(actions, key=lambda action: (action.user_id, action.occurred_at)):
        last = visits[-1] if visits else None
        moment = action.occurred_at.astimezone(UTC)
        if last is None or last.user_id != action.user_id or moment - last.last_seen > VISIT_GAP:
            visits.append(Visit(action.user_id, moment, moment, action.name, action.level, 1))
        else:
            visits[-1] = Visit(
                last.user_id, last.first_seen, moment, action.name, action.level, last.pages + 1
            )
    return visits
