"""What Kafka holds and the online store does not yet: read as silver reads it, kept until it is covered."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipelines.connectors.kafka_tail import KafkaTail
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.lake import BRONZE
from pipelines.contracts.positions import Vector, behind
from pipelines.gold.features.event import TABLES, of_rows
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.overlay import Overlay
from pipelines.gold.features.values import Event
from pipelines.runtime.streams.batches import next_offsets
from pipelines.silver.arrow_parser import parse_batch
from pipelines.silver.deduplication import DUPLICATE_BOUND, Deduplicator
from pipelines.silver.keyed_batch import First, Place
from pipelines.silver.reading import RecordReader
from pipelines.silver.settling import drop_rows

_MICROS_PER_DAY = 86_400_000_000
_BRONZE = arrow_schema(BRONZE)
_MOST = 2_000


class InFlight:
    """Kafka's events from the store's positions on, in an `overlay`. Raises `ServiceError` without Kafka.

    Records repeat or contradict earlier ones by the rule of silver, so its memory begins as far before the
    positions as that rule looks back. What lies still further back is not known: a message that came three
    times within more than that bound, with another content at first, may be judged otherwise than by silver.
    """

    def __init__(
        self, tail: KafkaTail, reader: RecordReader, sets: Sequence[FeatureSet], *, since: Vector
    ) -> None:
        self._tail = tail
        self._reader = reader
        self._judge = Deduplicator(_NoHistory())
        self.overlay = Overlay(sets, since=tail.begin(since, before_micros=DUPLICATE_BOUND))

    def poll(self, *, timeout_ms: int = 0) -> Sequence[Event]:
        """Take in the records that have come, up to 2,000; the feature events among them that are new."""
        records = self._tail.poll(timeout_ms=timeout_ms, most=_MOST)
        if not records:
            return []
        events, until = self._read(records)
        return self.overlay.add(events, until=until)

    def _read(self, records: Sequence[KafkaRecord]) -> tuple[list[dict[str, Any]], Vector]:
        """The feature events of records, and the positions after them, rejects included."""
        parsed = parse_batch(_bronze(records), self._reader)
        envelope = pa.Table.from_batches([envelope for _, envelope, _ in parsed])
        verdict = self._judge.judge(envelope)
        until = next_offsets(envelope)
        if not behind(self.overlay.reached, until):
            return [], until
        events = [
            event
            for table, _, rows in parsed
            if table in TABLES
            for event in of_rows(table, drop_rows(pa.Table.from_batches([rows]), verdict.set_aside))
        ]
        return sorted(events, key=_position), until


def _bronze(records: Sequence[KafkaRecord]) -> pa.RecordBatch:
    """The records as bronze holds them."""
    columns: dict[str, Sequence[Any]] = dict(
        zip(KafkaRecord._fields, zip(*records, strict=True), strict=True)
    )
    columns["ingested_date"] = [micros // _MICROS_PER_DAY for micros in columns["ingested_at"]]
    columns["headers"] = [
        [{"key": key, "value": value} for key, value in some] or None for some in columns["headers"]
    ]
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[one.name], one.type) for one in _BRONZE], schema=_BRONZE
    )


def _position(event: Mapping[str, Any]) -> tuple[str, int, int]:
    return event["topic"], event["partition"], event["offset"]


class _NoHistory:
    """Memory begins with what Kafka gives."""

    def records(self, firsts: Mapping[Place, First], *, bound: int) -> pa.Table:  # noqa: ARG002
        types = {
            "topic": pa.string(),
            "partition": pa.int32(),
            "offset": pa.int64(),
            "ingested_at": pa.timestamp("us", "UTC"),
            "record_key": pa.binary(),
            "fingerprint": pa.int64(),
        }
        return pa.schema(list(types.items())).empty_table()

    def links(self, firsts: Mapping[Place, First]) -> pa.Table:  # noqa: ARG002
        return pa.table({"link_key": pa.array([], pa.binary())})
