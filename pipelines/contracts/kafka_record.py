"""A record of Kafka, whoever has read it and for whatever end."""

from collections.abc import Sequence
from typing import NamedTuple


class KafkaRecord(NamedTuple):
    """A record as it lies in Kafka; `ingested_at` is the broker's time in UTC microseconds."""

    topic: str
    partition: int
    offset: int
    ingested_at: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
