"""Reading by kafka-python: pure Python, for machines that have no librdkafka."""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

import structlog
from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from pipelines.connectors.kafka import unreachable
from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.positions import Vector
from pipelines.errors import ServiceError
from serving.doors.clients.interface import Listener, Membership, Place

_log = structlog.get_logger(__name__)
_ANSWER_MS = 5_000
_MILLI = 1_000


class KafkaPythonReader:
    """A member of the group by kafka-python."""

    def __init__(self, membership: Membership) -> None:
        self._bootstrap = membership.bootstrap
        self._told: _Told | None = None
        with self._answering():
            self._consumer = KafkaConsumer(
                bootstrap_servers=membership.bootstrap,
                bootstrap_timeout_ms=_ANSWER_MS,
                group_id=membership.group,
                client_id=membership.member,
                partition_assignment_strategy=(RangePartitionAssignor,),
                session_timeout_ms=membership.session_ms,
                heartbeat_interval_ms=membership.heartbeat_ms,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=100,
                reconnect_backoff_max_ms=1_000,
                metadata_max_age_ms=30_000,
            )

    def subscribe(self, topics: Collection[str], listener: Listener) -> None:
        """Join by the range assignor: with as many partitions each, topics are shared out alike."""
        self._told = _Told(self._consumer, listener)
        self._consumer.subscribe(list(topics), listener=self._told)

    def poll(self, *, seconds: float, most: int) -> list[KafkaRecord]:
        """The next records."""
        with self._answering():
            polled = self._consumer.poll(timeout_ms=round(seconds * 1000), max_records=most)
        if self._told is not None:
            self._told.begin()
        return [
            KafkaRecord(r.topic, r.partition, r.offset, r.timestamp * _MILLI, r.key, r.value, r.headers)
            for records in polled.values()
            for r in records
        ]

    def seek(self, positions: Vector) -> None:
        """Go on from there."""
        with self._answering():
            for place, offset in positions.items():
                self._consumer.seek(TopicPartition(*place), offset)

    def committed(self, places: Collection[Place]) -> dict[Place, int]:
        """The group's positions."""
        with self._answering():
            found = {place: self._consumer.committed(TopicPartition(*place)) for place in places}
        return {place: offset for place, offset in found.items() if offset is not None}

    def commit(self, positions: Vector, *, wait: bool = False) -> None:
        """Set the group's positions."""
        wanted = {
            TopicPartition(*place): OffsetAndMetadata(offset, "", -1) for place, offset in positions.items()
        }
        with self._answering():
            if wait and not self._is_in_its_thread():
                self._consumer.commit(wanted)
            else:
                self._consumer.commit_async(wanted, callback=_committed)

    def bounds(self, places: Collection[Place]) -> dict[Place, tuple[int, int]]:
        """The first and the next offset of each partition."""
        with self._answering():
            begins = self._consumer.beginning_offsets([TopicPartition(*place) for place in places])
        ends = self.ends(places)
        return {(one.topic, one.partition): (at, ends[one]) for one, at in begins.items()}

    def ends(self, places: Collection[Place]) -> dict[Place, int]:
        """The next offset of each partition."""
        with self._answering():
            found = self._consumer.end_offsets([TopicPartition(*place) for place in places])
        return {(one.topic, one.partition): at for one, at in found.items()}

    def at_times(self, moments: Mapping[Place, int]) -> dict[Place, int]:
        """The first offset that arrived at the moment or later."""
        wanted = {TopicPartition(*place): -(-moment // _MILLI) for place, moment in moments.items()}
        with self._answering():
            given = self._consumer.offsets_for_times(wanted) if wanted else {}
        found = {(one.topic, one.partition): at.offset for one, at in given.items() if at is not None}
        late = [place for place in moments if place not in found]
        return found | (self.ends(late) if late else {})

    def close(self) -> None:
        """Leave the group."""
        with suppress(KafkaError, ServiceError):
            self._consumer.close(autocommit=False, timeout_ms=2_000)

    def _is_in_its_thread(self) -> bool:
        return self._told is not None and self._told.is_telling

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except KafkaError as error:
            raise ServiceError(unreachable(self._bootstrap, error)) from None


class _Told(ConsumerRebalanceListener):  # type: ignore[misc]
    """Passes on what the library tells. It tells it in its own thread, where nothing may wait for Kafka.

    So partitions that are assigned stand still until `poll` has asked the listener where to begin.
    """

    def __init__(self, consumer: KafkaConsumer, listener: Listener) -> None:
        self._consumer = consumer
        self._listener = listener
        self._given: frozenset[Place] | None = None
        self._failure: Exception | None = None
        self.is_telling = False

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._consumer.pause(*assigned)
        self._given = _places(assigned)  # last: from here on `begin` may resume them

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._tell(self._listener.revoked, revoked)

    def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None:
        self._tell(self._listener.lost, lost)

    def begin(self) -> None:
        """Go where the listener wants to begin, if partitions were assigned."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        given, self._given = self._given, None
        if given is not None:
            for place, offset in self._listener.assigned(given).items():
                self._consumer.seek(TopicPartition(*place), offset)
            self._consumer.resume(*(TopicPartition(*place) for place in given))

    def _tell(self, tell: Callable[[frozenset[Place]], None], places: Collection[TopicPartition]) -> None:
        if self._given is not None:  # these were not begun with
            self._given = None
            return
        self.is_telling = True
        try:
            tell(_places(places))
        except Exception as error:
            self._failure = error
        finally:
            self.is_telling = False


def _places(given: Collection[TopicPartition]) -> frozenset[Place]:
    return frozenset((one.topic, one.partition) for one in given)


def _committed(_offsets: Any, answer: Any) -> None:
    if isinstance(answer, Exception):
        _log.warning("positions_not_committed", why=str(answer))
