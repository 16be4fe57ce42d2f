"""Reading by librdkafka, which reads and keeps its membership in threads of its own, outside of Python."""

import contextlib
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from pipelines.connectors.kafka import unreachable
from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.positions import Vector
from pipelines.errors import ServiceError
from serving.doors.clients.interface import Listener, Membership, Place

_log = structlog.get_logger(__name__)
_ANSWER_SECONDS = 5.0
_LATEST = -1
_MILLI = 1_000
SILENT = logging.getLogger("librdkafka")
SILENT.setLevel(logging.CRITICAL)  # what matters of a lost connection is raised as ServiceError


class ConfluentReader:
    """A member of the group by librdkafka."""

    def __init__(self, membership: Membership) -> None:
        self._bootstrap = membership.bootstrap
        self._failure: BaseException | None = None
        self._consumer = Consumer(
            {
                "bootstrap.servers": membership.bootstrap,
                "group.id": membership.group,
                "client.id": membership.member,
                "partition.assignment.strategy": "range",
                "session.timeout.ms": membership.session_ms,
                "heartbeat.interval.ms": membership.heartbeat_ms,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
                "queued.min.messages": 4_000,
                "queued.max.messages.kbytes": 16_384,
                "reconnect.backoff.max.ms": 1_000,
                "topic.metadata.refresh.interval.ms": 30_000,
                "on_commit": self._committed,
            },
            logger=SILENT,
        )

    def subscribe(self, topics: Collection[str], listener: Listener) -> None:
        """Join by the range assignor: with as many partitions each, topics are shared out alike."""
        self._consumer.subscribe(
            list(topics),
            on_assign=lambda _, given: self._told(lambda: self._assign(listener.assigned(_places(given)))),
            on_revoke=lambda _, given: self._told(lambda: listener.revoked(_places(given))),
            on_lost=lambda _, given: self._told(lambda: listener.lost(_places(given))),
        )

    def poll(self, *, seconds: float, most: int) -> list[KafkaRecord]:
        """One record is waited for; what else is there already comes with it."""
        with self._answering():
            first = self._consumer.poll(seconds)
            found = [] if first is None else [first, *self._consumer.consume(most - 1, 0)]
        failure, self._failure = self._failure, None
        if failure is not None:
            raise self._failed(failure)
        return [_record(one) for one in found if self._is_record(one)]

    def seek(self, positions: Vector) -> None:
        """Go on from there."""
        with self._answering():
            for place in _with_offsets(positions):
                self._consumer.seek(place)

    def committed(self, places: Collection[Place]) -> dict[Place, int]:
        """The group's positions."""
        with self._answering():
            found = self._consumer.committed([TopicPartition(*place) for place in places], _ANSWER_SECONDS)
        return {(one.topic, one.partition): one.offset for one in found if one.offset >= 0}

    def commit(self, positions: Vector, *, wait: bool = False) -> None:
        """Set the group's positions."""
        with self._answering():
            if wait:
                self._consumer.commit(offsets=_with_offsets(positions), asynchronous=False)
            else:
                self._consumer.commit(offsets=_with_offsets(positions), asynchronous=True)

    def bounds(self, places: Collection[Place]) -> dict[Place, tuple[int, int]]:
        """The first and the next offset of each partition."""
        found: dict[Place, tuple[int, int]] = {}
        with self._answering():
            for place in places:
                given = self._consumer.get_watermark_offsets(TopicPartition(*place), _ANSWER_SECONDS)
                if given is None:
                    raise self._failed(TimeoutError("it gives no offsets"))
                found[place] = given
        return found

    def ends(self, places: Collection[Place]) -> dict[Place, int]:
        """The next offset of each partition."""
        return self._offsets(dict.fromkeys(places, _LATEST))

    def at_times(self, moments: Mapping[Place, int]) -> dict[Place, int]:
        """The first offset that arrived at the moment or later."""
        found = self._offsets({place: -(-moment // _MILLI) for place, moment in moments.items()})
        late = [place for place, offset in found.items() if offset < 0]
        return found | (self.ends(late) if late else {})

    def close(self) -> None:
        """Leave the group."""
        with suppress(KafkaException, RuntimeError, ServiceError):
            self._consumer.close()

    def _offsets(self, wanted: Mapping[Place, int]) -> dict[Place, int]:
        if not wanted:
            return {}
        with self._answering():
            found = self._consumer.offsets_for_times(_with_offsets(wanted), _ANSWER_SECONDS)
        for one in found:
            if one.error is not None:
                raise self._failed(KafkaException(one.error))
        return {(one.topic, one.partition): one.offset for one in found}

    def _assign(self, starts: Vector) -> None:
        self._consumer.assign(_with_offsets(starts))

    def _told(self, tell: Callable[[], None]) -> None:
        """Tell the listener. What it raises would end a callback of C unseen: `poll` raises it instead."""
        try:
            tell()
        except Exception as error:
            self._failure = error

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.fatal() or not (error.retriable() or error.code() in _PASSING):
            raise self._failed(KafkaException(error))
        _log.debug("kafka_reads_again", why=str(error))
        return False

    def _committed(self, error: KafkaError | None, _places: list[TopicPartition]) -> None:
        if error is not None:
            _log.warning("positions_not_committed", why=str(error))

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (KafkaException, RuntimeError) as error:
            raise self._failed(error) from None

    def _failed(self, error: BaseException) -> ServiceError:
        return error if isinstance(error, ServiceError) else ServiceError(unreachable(self._bootstrap, error))


_PASSING = frozenset(
    {
        KafkaError._PARTITION_EOF,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TRANSPORT,
        KafkaError._RESOLVE,
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError._TIMED_OUT,
        KafkaError._MAX_POLL_EXCEEDED,
    }
)
"""What librdkafka recovers from by itself."""


def _places(given: Collection[TopicPartition]) -> frozenset[Place]:
    return frozenset((one.topic, one.partition) for one in given)


def _with_offsets(vector: Mapping[Place, int]) -> list[TopicPartition]:
    return [TopicPartition(*place, offset) for place, offset in sorted(vector.items())]


def _record(message: Message) -> KafkaRecord:
    headers: Any = message.headers() or ()
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    arrived = message.timestamp()[1] * _MILLI
    return KafkaRecord(
        topic or "", partition or 0, offset or 0, arrived, message.key(), message.value(), headers
    )
