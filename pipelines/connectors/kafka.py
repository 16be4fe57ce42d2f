"""Kafka by kafka-python: topics, a counting producer, end offsets. Only plain values come in."""

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import structlog
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from pipelines.connectors.names import OUTPUT_TOPICS
from pipelines.contracts.delivery import Headers
from pipelines.contracts.topics import all_topics
from pipelines.errors import ServiceError

_log = structlog.get_logger(__name__)
_MAX_UNACKED = 20_000
_BATCH_BYTES = 256 * 1024
_DELIVERY_TIMEOUT_MS = 60_000
_REQUEST_TIMEOUT_MS = 20_000
_BOOTSTRAP_TIMEOUT_MS = 10_000
_LINGER_MS = 5
_CALLBACK_SECONDS = 5

# The client logs each lost connection as an error; what matters of it is raised as ServiceError.
logging.getLogger("kafka").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class TopicPlan:
    """A topic to be there: its name, and whether only the latest record of a key is kept."""

    name: str
    compacted: bool = False


def planned_topics(extra: Iterable[str] = ()) -> list[TopicPlan]:
    """Every topic clicklake reads or writes, and the extra ones (topics bound by a mapping)."""
    inputs = [TopicPlan(topic.name, topic.compacted) for topic in all_topics().values()]
    return [*inputs, *(TopicPlan(name) for name in (*OUTPUT_TOPICS, *extra))]


def ensure_topics(
    bootstrap: str, topics: Sequence[TopicPlan], *, partitions: int, max_message_bytes: int
) -> list[str]:
    """Create the topics that are not there yet; names of those created. Harmless when repeated.

    Topics that exist are left as they are: growing partitions is a drained operation. Raises
    `ServiceError` when the broker cannot be reached or refuses.
    """
    try:
        with KafkaAdminClient(
            bootstrap_servers=bootstrap,
            bootstrap_timeout_ms=_BOOTSTRAP_TIMEOUT_MS,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
        ) as admin:
            present = set(admin.list_topics())
            missing = [topic for topic in topics if topic.name not in present]
            if missing:
                wanted = {t.name: _creation(t, partitions, max_message_bytes) for t in missing}
                response = admin.create_topics(wanted, raise_errors=False)
                _check_created(response["topics"])
                admin.wait_for_topics([topic.name for topic in missing])
    except KafkaError as error:
        raise ServiceError(unreachable(bootstrap, error)) from None
    return [topic.name for topic in missing]


def _creation(topic: TopicPlan, partitions: int, max_message_bytes: int) -> dict[str, Any]:
    configs = {
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(max_message_bytes),
        "cleanup.policy": "compact" if topic.compacted else "delete",
    }
    return {"num_partitions": partitions, "configs": configs}


def _check_created(results: Iterable[dict[str, Any]]) -> None:
    already_exists = 36
    for result in results:
        if result["error_code"] not in (0, already_exists):
            reason = result.get("error_message") or f"error {result['error_code']}"
            raise ServiceError(f"Kafka refused to create the topic {result['name']}: {reason}.")


def end_offsets(bootstrap: str, topics: Iterable[str]) -> dict[tuple[str, int], int]:
    """The next offset of every partition of the topics. Raises `ServiceError`."""
    try:
        consumer = KafkaConsumer(bootstrap_servers=bootstrap, bootstrap_timeout_ms=_BOOTSTRAP_TIMEOUT_MS)
        try:
            partitions = [
                TopicPartition(topic, number)
                for topic in topics
                for number in sorted(consumer.partitions_for_topic(topic) or ())
            ]
            found = consumer.end_offsets(partitions) if partitions else {}
        finally:
            consumer.close()
    except KafkaError as error:
        raise ServiceError(unreachable(bootstrap, error)) from None
    return {(place.topic, place.partition): offset for place, offset in found.items()}


def unreachable(bootstrap: str, error: BaseException) -> str:
    """The sentence for an error of the client."""
    what = str(error) or type(error).__name__
    return f"Kafka at {bootstrap} does not answer as needed ({what}); `clicklake status` shows the services."


class Producer:
    """A producer that counts what the broker acknowledged: acks=all, idempotent, murmur2 by key.

    `send` blocks while 20,000 records are unacknowledged, and raises `ServiceError` once any
    record was given up on (a minute without the broker), so that loss cannot go unseen.
    """

    def __init__(self, bootstrap: str, *, max_message_bytes: int, linger_ms: int = _LINGER_MS) -> None:
        self._bootstrap = bootstrap
        self._changed = threading.Condition()
        self._unacked = 0
        self._acked: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._first_error: BaseException | None = None
        try:
            self._client = KafkaProducer(
                bootstrap_servers=bootstrap,
                bootstrap_timeout_ms=_BOOTSTRAP_TIMEOUT_MS,
                acks="all",
                linger_ms=linger_ms,
                batch_size=_BATCH_BYTES,
                max_request_size=max_message_bytes,
                delivery_timeout_ms=_DELIVERY_TIMEOUT_MS,
                request_timeout_ms=_REQUEST_TIMEOUT_MS,
            )
        except KafkaError as error:
            raise ServiceError(unreachable(bootstrap, error)) from None

    @property
    def acked(self) -> Counter[str]:
        """Records the broker acknowledged, by topic."""
        return Counter(self._acked)

    @property
    def failed(self) -> Counter[str]:
        """Records given up on, by topic."""
        return Counter(self._failed)

    def send(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> None:
        """Hand over one record, its partition by the key unless given.

        Raises `ServiceError` when an earlier one, or this one, was lost.
        """
        if self._first_error is not None:
            raise ServiceError(unreachable(self._bootstrap, self._first_error))
        with self._changed:
            while self._unacked >= _MAX_UNACKED:
                self._changed.wait()
            self._unacked += 1
        try:
            future = self._client.send(
                topic, value=value, key=key, headers=list(headers), partition=partition
            )
        except KafkaError as error:
            self._settle(topic, error)
            raise ServiceError(unreachable(self._bootstrap, error)) from None
        future.add_callback(self._on_ack)
        future.add_errback(self._on_error, topic)

    def flush(self) -> None:
        """Return when nothing is unacknowledged. Raises `ServiceError` when anything was lost."""
        try:
            self._client.flush(timeout=_DELIVERY_TIMEOUT_MS / 1000)
        except KafkaError as error:
            raise ServiceError(unreachable(self._bootstrap, error)) from None
        with self._changed:  # the client is done with a batch a moment before its callbacks are
            self._changed.wait_for(lambda: self._unacked == 0, timeout=_CALLBACK_SECONDS)
        if self._first_error is not None:
            raise ServiceError(unreachable(self._bootstrap, self._first_error))

    def close(self) -> None:
        """Release the connections; what is unacknowledged gets two seconds more, and is not counted after."""
        with suppress(KafkaError):  # of a lost broker, which `send` or `flush` has told
            self._client.close(timeout=2)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _on_ack(self, metadata: Any) -> None:
        self._settle(metadata.topic, None)

    def _on_error(self, topic: str, error: BaseException) -> None:
        self._settle(topic, error)

    def _settle(self, topic: str, error: BaseException | None) -> None:
        with self._changed:
            self._unacked -= 1
            if error is None:
                self._acked[topic] += 1
            else:
                self._failed[topic] += 1
                self._first_error = self._first_error or error
            self._changed.notify()
