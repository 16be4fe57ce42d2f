"""Writing a query's batches to a Kafka topic, each whole and once, by Kafka's transactions.

Every message names its batch in a header. A driver that starts fences out the one before it, and reads
from the topic's end which batch was the last to be committed: so a batch that is repeated after a crash
adds nothing. Readers set `isolation.level=read_committed`.
"""

import time
from collections.abc import Iterable
from typing import NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError

from pipelines.connectors.kafka import unreachable
from pipelines.errors import ServiceError

BATCH_HEADER = "clicklake-batch"
_TAIL = 64
_POLL_MS = 500
_TIMEOUT_MS = 20_000
_CLOSE_SECONDS = 5


class Message(NamedTuple):
    """One message to be written."""

    key: bytes
    value: bytes


class TransactionalTopic:
    """The one writer of a query to a topic. Raises `ServiceError` when Kafka is away or another took over."""

    def __init__(self, bootstrap: str, topic: str, *, query: str, query_id: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._query_id = query_id
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=bootstrap,
                acks="all",
                enable_idempotence=True,
                transactional_id=f"{query}-{topic}",
                request_timeout_ms=_TIMEOUT_MS,
            )
        except KafkaError as error:
            raise ServiceError(unreachable(bootstrap, error)) from None
        try:
            self._producer.init_transactions()
            self._written = self._last_batch()
        except KafkaError as error:
            self._producer.close(timeout=0)
            raise ServiceError(unreachable(bootstrap, error)) from None

    def write(self, batch_id: int, messages: Iterable[Message]) -> None:
        """Write the batch's messages, all or none; not at all when it, or a later one, is there."""
        if self._written is not None and batch_id <= self._written:
            return
        header = [(BATCH_HEADER, f"{self._query_id}:{batch_id}".encode())]
        try:
            self._producer.begin_transaction()
            for message in messages:
                self._producer.send(self._topic, key=message.key, value=message.value, headers=header)
            self._producer.commit_transaction()
        except KafkaError as error:
            raise ServiceError(unreachable(self._bootstrap, error)) from None
        self._written = batch_id

    def close(self) -> None:
        """Let go of the connection."""
        self._producer.close(timeout=_CLOSE_SECONDS)

    def _last_batch(self) -> int | None:
        """The newest committed batch of this query: batches come in order, so it is near some end."""
        consumer = KafkaConsumer(
            bootstrap_servers=self._bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            numbers = consumer.partitions_for_topic(self._topic) or ()
            places = [TopicPartition(self._topic, number) for number in sorted(numbers)]
            found = [batch for place in places for batch in self._batches_at_end(consumer, place)]
        finally:
            consumer.close()
        return max(found, default=None)

    def _batches_at_end(self, consumer: KafkaConsumer, place: TopicPartition) -> list[int]:
        """Batches of the query among the last messages of a partition; further back, if these are none."""
        consumer.assign([place])
        begin = consumer.beginning_offsets([place])[place]
        end = consumer.end_offsets([place])[place]
        start = end
        while start > begin:
            start = max(begin, start - _TAIL)
            found = self._batches_from(consumer, place, start, end)
            if found:
                return found
        return []

    def _batches_from(
        self, consumer: KafkaConsumer, place: TopicPartition, start: int, end: int
    ) -> list[int]:
        consumer.seek(place, start)
        found: list[int] = []
        deadline = time.monotonic() + _TIMEOUT_MS / 1000
        while consumer.position(place) < end:
            if time.monotonic() > deadline:
                raise KafkaTimeoutError(f"the end of {self._topic} cannot be read")
            records = consumer.poll(timeout_ms=_POLL_MS).get(place, [])
            found += [batch for record in records for batch in self._named(record.headers)]
        return found

    def _named(self, headers: Iterable[tuple[str, bytes]]) -> list[int]:
        """The batch in a message's headers, if this query wrote it."""
        texts = [value.decode().rpartition(":") for name, value in headers if name == BATCH_HEADER]
        return [int(batch) for query_id, _, batch in texts if query_id == self._query_id]
