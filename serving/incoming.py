"""From a request's body to events ready for Kafka: read, completed, and judged one by one.

The judge is the parser of the streams, applied to the very bytes that will be sent, so an event that
the door accepts cannot become a dead letter later (save by what happens after it was sent).
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pipelines.contracts.parsing import RawRecord, Reject, parse_record
from pipelines.contracts.topics.clicks import TOPIC

_BATCH_FIELD = "events"
_LONGEST_AGENT = 2048
_LONGEST_URL = 4096
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


class UnreadableBody(Exception):  # noqa: N818 - an answer to the client, not an error of ours
    """The body as a whole is not events; `detail` says why."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True)
class Caller:
    """What the request itself tells, used where an event does not say it."""

    visitor_id: str
    address: str | None
    user_agent: str | None
    page_url: str | None

    @classmethod
    def of(
        cls, *, visitor_id: str, address: str | None, user_agent: str | None, referer: str | None
    ) -> "Caller":
        """From the request's cookie, address and headers; a header that cannot be stored is left out."""
        return cls(visitor_id, address, _plain(user_agent, _LONGEST_AGENT), _page(referer))


@dataclass(frozen=True)
class Accepted:
    """An event as it goes to Kafka."""

    key: bytes
    value: bytes


@dataclass(frozen=True)
class Refused:
    """An event that is not taken: its place in the batch, the field at fault, the rule it breaks."""

    index: int
    field: str | None
    reason: str
    detail: str


def read_events(body: bytes) -> list[Any]:
    """The events of a body: one object, an array, or `{"events": [...]}`. Raises `UnreadableBody`."""
    if not body.strip():
        raise UnreadableBody("the body is empty")
    try:
        decoded = _decoder.decode(body)
    except RecursionError:
        raise UnreadableBody("the JSON is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableBody(f"the body is not JSON: {str(error)[:80]}") from None
    if isinstance(decoded, dict) and set(decoded) == {_BATCH_FIELD}:
        decoded = decoded[_BATCH_FIELD]
        if not isinstance(decoded, list):
            raise UnreadableBody(f"`{_BATCH_FIELD}` is not an array")
    if isinstance(decoded, dict):
        return [decoded]
    if not isinstance(decoded, list):
        raise UnreadableBody("the body is neither an event, an array of events, nor {events: [...]}")
    return decoded


def judge(event: Any, *, index: int, caller: Caller, now: datetime) -> Accepted | Refused:
    """The event completed from the request and encoded, or why it is not taken."""
    if not isinstance(event, dict):
        return Refused(index, None, "not_an_object", type(event).__name__)
    if _is_order(event):
        detail = "orders are sent by the shop's own systems to the Kafka topic orders"
        return Refused(index, "order_id", "order_not_accepted", detail)
    try:
        value = _encoder.encode(_completed(event, caller, now))
    except (UnicodeEncodeError, OverflowError, ValueError, RecursionError) as error:
        return Refused(index, None, "bad_character", str(error)[:80])
    raw = RawRecord(key=None, value=value, headers=(), ingested_at=int(now.timestamp() * 1_000_000))
    parsed = parse_record(raw, TOPIC)
    if isinstance(parsed, Reject):
        return Refused(index, parsed.field, parsed.reason, parsed.detail)
    return Accepted(key=parsed[0][TOPIC.key].encode(), value=value)


def _is_order(event: dict[str, Any]) -> bool:
    """Whether it is a record of the topic `orders`: a browser is not believed about money."""
    return "lines" in event or ("order_id" in event and "status" in event)


def _completed(event: dict[str, Any], caller: Caller, now: datetime) -> dict[str, Any]:
    known: dict[str, Any] = {
        "event_id": None,
        "occurred_at": now.isoformat(timespec="milliseconds"),
        "visitor_id": caller.visitor_id,
        "page_url": caller.page_url,
        "user_agent": caller.user_agent,
        "ip_address": caller.address,
    }
    missing = {name: value for name, value in known.items() if event.get(name) in (None, "")}
    if "event_id" in missing:
        missing["event_id"] = uuid.uuid4().hex
    return {**event, **{name: value for name, value in missing.items() if value is not None}}


def _plain(header: str | None, longest: int) -> str | None:
    if header is None or not header.isprintable():
        return None
    return header[:longest] or None


def _page(referer: str | None) -> str | None:
    """The page that sent the request; a bare origin, all that most browsers tell others, is no page."""
    plain = _plain(referer, _LONGEST_URL + 1)
    if plain is None or len(plain) > _LONGEST_URL:
        return None
    try:
        return plain if urlsplit(plain).path not in ("", "/") else None
    except ValueError:
        return None
