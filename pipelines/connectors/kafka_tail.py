"""Reading on at the end of Kafka's topics, from given positions and some time before them."""

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from pipelines.connectors.kafka import unreachable
from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.positions import Vector
from pipelines.errors import ServiceError

_BOOTSTRAP_TIMEOUT_MS = 10_000
_FETCH_WAIT_MS = 10
_FETCH_BYTES = 4 << 20
_POLL_MS = 200
_SILENT_SECONDS = 20.0
_MILLI = 1_000


class KafkaTail:
    """Every partition of the topics, on and on. Raises `ServiceError` when Kafka does not answer.

    A topic without partitions has no part: topics are made before anything runs.
    """

    def __init__(self, bootstrap: str, topics: Iterable[str]) -> None:
        self._bootstrap = bootstrap
        try:
            self._consumer = KafkaConsumer(
                bootstrap_servers=bootstrap,
                bootstrap_timeout_ms=_BOOTSTRAP_TIMEOUT_MS,
                enable_auto_commit=False,
                auto_offset_reset="none",
                fetch_max_wait_ms=_FETCH_WAIT_MS,
                max_partition_fetch_bytes=_FETCH_BYTES,
            )
            self._places = [
                TopicPartition(topic, number)
                for topic in topics
                for number in sorted(self._consumer.partitions_for_topic(topic) or ())
            ]
            self._consumer.assign(self._places)
        except KafkaError as error:
            raise self._failed(error) from None

    def begin(self, positions: Vector, *, before_micros: int) -> Vector:
        """Go to the positions, and back by as much of the broker's clock; from where records are whole.

        Time is counted from the last record before each position. What Kafka no longer holds is left out:
        a partition whose position lies before its beginning is whole from the beginning on.
        """
        try:
            begins = self._consumer.beginning_offsets(self._places)
            wanted = {place: max(positions.get(tuple(place), 0), begins[place]) for place in self._places}
            arrived = self._arrivals({place: at - 1 for place, at in wanted.items() if at > begins[place]})
            since = {place: max(at - before_micros // _MILLI, 0) for place, at in arrived.items()}
            found = self._consumer.offsets_for_times(since) if since else {}
            for place, at in wanted.items():
                earlier = found.get(place)
                self._consumer.seek(place, min(at, earlier.offset) if earlier else at)
        except KafkaError as error:
            raise self._failed(error) from None
        return {(place.topic, place.partition): at for place, at in wanted.items()}

    def poll(self, *, timeout_ms: int, most: int) -> list[KafkaRecord]:
        """The next records, up to so many, partition by partition; none when none came in that time."""
        try:
            polled = self._consumer.poll(timeout_ms=timeout_ms, max_records=most)
        except KafkaError as error:
            raise self._failed(error) from None
        return [
            KafkaRecord(r.topic, r.partition, r.offset, r.timestamp * _MILLI, r.key, r.value, r.headers)
            for records in polled.values()
            for r in records
        ]

    def close(self) -> None:
        """Let go of the connections."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _arrivals(self, offsets: dict[TopicPartition, int]) -> dict[TopicPartition, int]:
        """When the record at each offset, or the first one after it, arrived, in ms."""
        for place in self._places:
            self._consumer.seek(place, offsets.get(place, 0))
        self._consumer.pause(*(place for place in self._places if place not in offsets))
        found: dict[TopicPartition, int] = {}
        silent_since = time.monotonic()
        while len(found) < len(offsets):
            polled = self._consumer.poll(timeout_ms=_POLL_MS, max_records=len(offsets))
            found = {place: records[0].timestamp for place, records in polled.items()} | found
            if polled:
                silent_since = time.monotonic()
                self._consumer.pause(*polled)
            elif time.monotonic() - silent_since > _SILENT_SECONDS:
                raise self._failed(TimeoutError("it gives no records"))
        self._consumer.resume(*self._places)
        return found

    def _failed(self, error: BaseException) -> ServiceError:
        return ServiceError(unreachable(self._bootstrap, error))
