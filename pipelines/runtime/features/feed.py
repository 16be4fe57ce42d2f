"""Kafka's records one by one, as silver reads them, into what is in flight: plain Python, no Arrow.

The clock of the broker and the order of offsets decide, not when or in what pieces records are taken.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.parsing import RawRecord, Reject
from pipelines.contracts.positions import Vector
from pipelines.gold.features.event import ORDER_KINDS, TABLES, of_row
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.overlay import Overlay, Place
from pipelines.gold.features.values import Event
from pipelines.silver.reading import RecordReader, Rows
from pipelines.silver.standing import Standing

_EVENTS, _ORDERS = TABLES
_OF_ORDERS = frozenset(ORDER_KINDS.values())


class Feed:
    """What Kafka holds of some partitions from the store's positions on, in an `overlay`.

    Records repeat or contradict earlier ones by the rule of silver, so whoever reads begins as far before a
    partition's position as that rule looks back (`KafkaTail.begin`). What lies still further back is not
    known: a message that came three times within more than that bound, with another content at first, may
    be judged otherwise than by silver. Not for several threads.
    """

    def __init__(self, reader: RecordReader, sets: Iterable[FeatureSet], *, since: Vector) -> None:
        self._reader = reader
        self._standing: defaultdict[Place, Standing] = defaultdict(Standing)
        self._followed: set[Place] = set()
        self.overlay = Overlay(sets, since={})
        self.caught_up_at: int | None = None
        self.begin(since)

    @property
    def places(self) -> Collection[Place]:
        """The partitions that are followed: what lies beyond the store's positions there is known."""
        return self._followed

    def begin(self, since: Vector) -> None:
        """Follow further partitions: what is below `since` is the store's, and no event in flight.

        Their records are to be taken from as far before as duplicates are looked for.
        """
        self.leave(since)
        self.overlay.begin(since)
        self._followed.update(since)

    def leave(self, places: Iterable[Place]) -> None:
        """Follow these partitions no longer, and forget what they said."""
        gone = list(places)
        self.overlay.leave(gone)
        self._followed.difference_update(gone)
        for place in gone:
            self._standing.pop(place, None)

    def caught_up(self, at: int) -> None:
        """Note that all that the partitions held at that moment, UTC microseconds, has been taken."""
        self.caught_up_at = at

    def take(self, records: Sequence[KafkaRecord]) -> Iterator[tuple[KafkaRecord, Sequence[Event]]]:
        """Each record and its sound new events, before they count as in flight.

        So a question about an event does not see the event itself. Of a partition, records come in the order
        of their offsets; of one that is not followed, events are told of and do not count. Whoever stops
        halfway has taken in all records nonetheless.
        """
        left = iter(records)
        for record in left:
            events = self._events(record)
            try:
                yield record, events
            except GeneratorExit:
                self._add(record, events)
                for other in left:
                    self._add(other, self._events(other))
                raise
            self._add(record, events)

    def has_seen(self, event: Event) -> bool:
        """Whether a record of Kafka has told of the event within the time that duplicates are looked for."""
        table, event_id = _EVENTS, event["event_id"]
        if event["kind"] in _OF_ORDERS:
            table, event_id = _ORDERS, event_id.rpartition("#")[0]
        identity = (table, event["visitor_id"], event_id)
        return any(one.holds(identity) for one in self._standing.values())

    def _events(self, record: KafkaRecord) -> Sequence[Event]:
        topic, partition, _, ingested_at, key, value, headers = record
        raw = RawRecord(key, value, headers, ingested_at)
        (outcome,) = self._reader.outcomes(topic, [raw])
        if isinstance(outcome, Reject):
            return ()
        if not self._standing[topic, partition].admits(outcome, ingested_at=ingested_at):
            return ()
        return _placed(outcome, record)

    def _add(self, record: KafkaRecord, events: Sequence[Event]) -> None:
        place = record[:2]
        if place in self._followed:
            self.overlay.add(events, until={place: record.offset + 1})


def _placed(rows: Rows, record: KafkaRecord) -> list[Event]:
    """The rows' feature events, with where and when the record came."""
    found: list[Event] = []
    for table, row in rows:
        row["topic"], row["partition"], row["offset"] = record.topic, record.partition, record.offset
        row["ingested_at"] = record.ingested_at
        event = of_row(table, row)
        if event is not None:
            found.append(event)
    return found
