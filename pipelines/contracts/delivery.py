"""A record to be sent at a moment: what the simulator and the replay give, and what the feed sends."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

Fate = Literal["ok", "late", "duplicate", "broken"]
"""What a sender expects to become of a record: a silver row (`late`: but delivered after a delay),
a second copy of an earlier record, or a dead letter."""

Headers = tuple[tuple[str, bytes], ...]


class Delivery(NamedTuple):
    """One Kafka record and when to send it, in microseconds since the start of the feed.

    Deliveries come in the order of `send_at`. `fate` is null where the sender cannot know it (a
    replay); `reason`, a word of `contracts.fields.REASONS`, is given for broken records only.
    """

    send_at: int
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    fate: Fate | None = None
    reason: str | None = None


class RecordSink(Protocol):
    """Where a feed sends records: a Kafka producer, or a file."""

    def send(self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        """Hand over one record; may block while too much is unacknowledged. Raises `ServiceError`."""

    def flush(self) -> None:
        """Return when every record is acknowledged or has failed. Raises `ServiceError`."""

    @property
    def acked(self) -> Mapping[str, int]:
        """Records acknowledged so far, by topic."""

    @property
    def failed(self) -> Mapping[str, int]:
        """Records given up on, by topic."""
