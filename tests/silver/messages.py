"""Real bytes of a small log: few visitors, users and ids, so that much repeats and contradicts itself."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from pipelines.contracts.avro import encode_avro
from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.parsing import KNOWN_AT_HEADER, Reject
from pipelines.contracts.topics import all_topics
from pipelines.contracts.translation import Translated, Translator
from pipelines.silver.deduplication import HOUR

START = 1_772_359_200_000_000
"""10:00 of a Sunday in UTC microseconds."""
SHOP, PARCELS = "shop", "parcels"
"""Bound topics: one through the mapping `attribution`, one whose messages hold any canonical records."""
_MINUTE = 60_000_000
_BROKEN = [b"{", b"\xff", b"", None, b"[1]", b'{"event_id": "e1"}', b"\xc3\x01123456789", b'{"a": NaN}']
Place = tuple[str, int]


class Message(NamedTuple):
    """A message as its producer means it. `gap` is microseconds since the one before in its partition."""

    kind: str
    visitor: str
    user: str | None
    number: int
    variant: int
    avro: bool = False
    lines: int = 1
    known_at: str | None = None
    partition: int = 0
    gap: int = 1

    @property
    def topic(self) -> str:
        """Where it is sent to."""
        return {"click": "clicks", "order": "orders", "user": "users"}.get(self.kind, self.kind)

    @property
    def key(self) -> bytes:
        """The Kafka key."""
        return self.visitor.encode()

    @property
    def value(self) -> bytes | None:
        """The bytes."""
        return _VALUES[self.kind](self)

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """The Kafka headers."""
        return [] if self.known_at is None else [(KNOWN_AT_HEADER, self.known_at.encode())]


class Once:
    """A translator that translates each value once, for the same bytes mean the same."""

    def __init__(self, translator: Translator) -> None:
        self._translator = translator
        self._known: dict[bytes | None, Translated | Reject] = {}

    def __call__(self, values: Sequence[bytes | None]) -> list[Translated | Reject]:
        new = list({value for value in values if value not in self._known})
        self._known.update(zip(new, self._translator(new) if new else (), strict=True))
        return [self._known[value] for value in values]


class Unpack:
    """The translator of `parcels`: a message is a list of topic and record, or cannot be translated."""

    def __call__(self, values: Sequence[bytes | None]) -> list[Translated | Reject]:
        return [
            [(topic, json.dumps(record).encode(), None) for topic, record in json.loads(value or b"[]")]
            for value in values
        ]


def landed(messages: Sequence[Message]) -> list[KafkaRecord]:
    """The records as the broker keeps them: offsets and LogAppendTime of each partition."""
    offsets: dict[Place, int] = {}
    clocks: dict[Place, int] = {}
    found = []
    for message in messages:
        topic = "clicks" if message.kind == "broken" else message.topic
        place = (topic, message.partition)
        offsets[place] = offsets.get(place, -1) + 1
        clocks[place] = clocks.get(place, START + 7 * _MINUTE * message.partition) + message.gap
        found.append(
            KafkaRecord(*place, offsets[place], clocks[place], message.key, message.value, message.headers)
        )
    return found


def _click(message: Message) -> dict[str, Any]:
    late = message.variant == 2
    return {
        "event_id": f"e{message.number}",
        "event_type": "page_view",
        "occurred_at": START - (40 * 24 if late else 1) * HOUR,
        "visitor_id": message.visitor,
        "user_id": message.user,
        "page_type": f"page {message.variant}",
        "ip_address": f"10.0.0.{message.gap % 256}",
    }


def _order(message: Message) -> dict[str, Any]:
    return {
        "event_id": f"e{message.number}",
        "order_id": f"o{message.number}",
        "occurred_at": START - HOUR,
        "visitor_id": message.visitor,
        "user_id": message.user,
        "status": ["placed", "paid", "refunded"][message.variant],
        "lines": [{"product_id": f"p{n}", "quantity": n + 1} for n in range(message.lines)],
    }


def _user(message: Message) -> dict[str, Any]:
    return {"user_id": message.visitor, "occurred_at": START - HOUR, "country": "DE"}


def _as_json(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "occurred_at": record["occurred_at"] // 1000}


def _encoded(message: Message, record: dict[str, Any]) -> bytes:
    if message.avro:
        return encode_avro(record, all_topics()[message.topic])
    return json.dumps(_as_json(record)).encode()


def _shop(message: Message) -> bytes:
    """A click, a purchase, both in one message, or neither."""
    at = f"2026-03-01T09:00:0{message.variant}Z"
    click = {"Click_ID": message.number, "Click_time": at, "Source": f"s{message.variant}"}
    purchase = {
        "Purchase_ID": message.number,
        "Product_ID": 205,
        "Quantity": message.lines,
        "Purchase_time": at,
        "Payment_status": "success",
    }
    parts = [click, purchase, click | purchase, {}][message.lines % 4]
    return json.dumps({"User_ID": message.user or message.visitor, **parts}).encode()


def _parcel(message: Message) -> bytes:
    """Records of several tables; of two visitors where lines are many, of one id where they are few."""
    other = message._replace(user="u1", number=message.number + message.lines - 1, visitor="v1")
    parts = [("orders", _order(message)), ("clicks", _click(message)), ("clicks", _click(other))]
    if message.variant:
        parts.append(("users", _user(message)))
    if message.variant == 2:
        parts.reverse()
    return json.dumps([(topic, _as_json(record)) for topic, record in parts]).encode()


_VALUES = {
    "click": lambda message: _encoded(message, _click(message)),
    "order": lambda message: _encoded(message, _order(message)),
    "user": lambda message: _encoded(message, _user(message)) if message.variant else None,
    "broken": lambda message: _BROKEN[(message.number * 3 + message.variant) % len(_BROKEN)],
    SHOP: _shop,
    PARCELS: _parcel,
}
KINDS = ["click", "click", "click", "order", "order", SHOP, SHOP, "user", "broken"]
GAPS = [1, 1, 1_000_000, 29 * _MINUTE, HOUR - 1, HOUR, HOUR + 1]
KNOWN_AT = [None, None, None, "2026-02-01T00:00:00Z", "2031-01-01T00:00:00Z", "soon"]


@st.composite
def logs(draw: st.DrawFn, *, kinds: Sequence[str] = (*KINDS, PARCELS), gaps: Sequence[int] = GAPS):
    """Messages of these kinds, some of them copies of earlier ones."""
    drawn = draw(st.lists(st.tuples(messages(kinds, gaps), st.integers(-20, 20)), min_size=1, max_size=30))
    log: list[Message] = []
    for message, back in drawn:
        copied = 0 < back <= len(log)
        log.append(log[-back]._replace(gap=message.gap) if copied else message)
    return log


def messages(kinds: Sequence[str], gaps: Sequence[int]) -> st.SearchStrategy[Message]:
    """Single messages."""
    return st.builds(
        Message,
        kind=st.sampled_from(kinds),
        visitor=st.sampled_from(["v1", "v2"]),
        user=st.sampled_from([None, "u1", "u2"]),
        number=st.integers(1, 3),
        variant=st.sampled_from([0, 0, 0, 1, 2]),
        avro=st.booleans(),
        lines=st.integers(1, 3),
        known_at=st.sampled_from(KNOWN_AT),
        partition=st.integers(0, 1),
        gap=st.sampled_from(gaps),
    )
