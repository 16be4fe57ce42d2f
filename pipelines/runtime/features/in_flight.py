"""What Kafka holds and the online store does not yet: all partitions, kept until the store covers them."""

from collections.abc import Sequence

from pipelines.connectors.kafka_tail import KafkaTail
from pipelines.contracts.positions import Vector
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.overlay import Overlay
from pipelines.gold.features.values import Event
from pipelines.runtime.features.feed import Feed
from pipelines.silver.deduplication import DUPLICATE_BOUND
from pipelines.silver.reading import RecordReader

_MOST = 2_000


class InFlight:
    """Kafka's events from the store's positions on, in an `overlay`. Raises `ServiceError` without Kafka.

    What it can judge otherwise than silver is said in `Feed`.
    """

    def __init__(
        self, tail: KafkaTail, reader: RecordReader, sets: Sequence[FeatureSet], *, since: Vector
    ) -> None:
        self._tail = tail
        self._feed = Feed(reader, sets, since=tail.begin(since, before_micros=DUPLICATE_BOUND))

    @property
    def overlay(self) -> Overlay:
        """What is in flight."""
        return self._feed.overlay

    def poll(self, *, timeout_ms: int = 0) -> Sequence[Event]:
        """Take in the records that have come, up to 2,000; the feature events among them that are new."""
        records = self._tail.poll(timeout_ms=timeout_ms, most=_MOST)
        reached = dict(self.overlay.reached)
        return [
            event
            for record, events in self._feed.take(records)
            if record.offset >= reached.get((record.topic, record.partition), 0)
            for event in events
        ]
