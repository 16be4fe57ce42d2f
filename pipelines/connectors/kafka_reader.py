"""Bounded reads of Kafka: the records between two positions, then no more."""

import time
from collections.abc import Collection, Iterator
from contextlib import closing

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from pipelines.connectors.kafka import unreachable
from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.positions import Vector
from pipelines.errors import ServiceError

_BOOTSTRAP_TIMEOUT_MS = 10_000
_POLL_MS = 500
_SILENT_SECONDS = 20.0


def records_between(bootstrap: str, starts: Vector, ends: Vector) -> Iterator[KafkaRecord]:
    """The records of the partitions of `ends` before those offsets, in each partition's order.

    A partition begins at its offset in `starts`, or with what the broker still holds. Raises
    `ServiceError` when the broker cannot be reached or gives nothing for 20 seconds.
    """
    bounds = {
        TopicPartition(*place): end for place, end in ends.items() if max(starts.get(place, 0), 0) < end
    }
    if not bounds:
        return
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=bootstrap,
            bootstrap_timeout_ms=_BOOTSTRAP_TIMEOUT_MS,
            auto_offset_reset="earliest",
        )
        with closing(consumer):
            consumer.assign(list(bounds))
            for place in bounds:
                consumer.seek(place, starts.get((place.topic, place.partition), 0))
            yield from _read_to(bounds, consumer, bootstrap)
    except KafkaError as error:
        raise ServiceError(unreachable(bootstrap, error)) from None


def records_since(
    bootstrap: str, topic: str, numbers: Collection[int], *, since: int
) -> Iterator[KafkaRecord]:
    """The records of these partitions that arrived at `since`, UTC microseconds, or later, up to now's ends.

    Partitions that the topic has not are left out. Raises `ServiceError` as `records_between` does.
    """
    try:
        consumer = KafkaConsumer(bootstrap_servers=bootstrap, bootstrap_timeout_ms=_BOOTSTRAP_TIMEOUT_MS)
        with closing(consumer):
            there = consumer.partitions_for_topic(topic) or set()
            places = [TopicPartition(topic, one) for one in sorted(there & set(numbers))]
            ends = consumer.end_offsets(places)
            found = consumer.offsets_for_times(dict.fromkeys(places, since // 1_000))
    except KafkaError as error:
        raise ServiceError(unreachable(bootstrap, error)) from None
    starts = {(topic, one.partition): ends[one] if at is None else at.offset for one, at in found.items()}
    yield from records_between(bootstrap, starts, {(topic, one.partition): ends[one] for one in places})


def _read_to(
    bounds: dict[TopicPartition, int], consumer: KafkaConsumer, bootstrap: str
) -> Iterator[KafkaRecord]:
    pending, silent_since = set(bounds), time.monotonic()
    while pending:
        polled = consumer.poll(timeout_ms=_POLL_MS)
        for place, records in polled.items():
            for r in records:
                if r.offset < bounds[place]:
                    yield KafkaRecord(
                        r.topic, r.partition, r.offset, r.timestamp * 1_000, r.key, r.value, r.headers
                    )
        # The place reached decides, not a count: compaction leaves offsets without a record.
        reached = {place for place in pending if consumer.position(place) >= bounds[place]}
        pending -= reached
        consumer.pause(*reached)
        if polled or reached:
            silent_since = time.monotonic()
        elif time.monotonic() - silent_since > _SILENT_SECONDS:
            raise ServiceError(unreachable(bootstrap, TimeoutError("it gives no records")))
