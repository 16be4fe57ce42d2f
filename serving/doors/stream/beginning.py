"""Where a replica begins with partitions that it was given: what it must know first, what it must decide."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec

from pipelines.connectors.kafka import end_offsets
from pipelines.connectors.kafka_reader import records_between
from pipelines.contracts.positions import Vector
from pipelines.silver.deduplication import DUPLICATE_BOUND
from serving.doors.clients.interface import Place, Reader

_TOPIC = "decisions"


class Beginning(NamedTuple):
    """What a replica begins with, by partition.

    `starts`: where it is read from. `whole_from`: from where on nothing is missing, not even to judge
    duplicates by. `due`: from where decisions are to be made, which the group did not know yet of `unknown`
    partitions. `decided`: ids of decisions made since.
    """

    starts: dict[Place, int]
    whole_from: dict[Place, int]
    due: dict[Place, int]
    unknown: frozenset[Place]
    decided: frozenset[str]


class Rewound(NamedTuple):
    """Where partitions are read from so that nothing is missing from `whole_from` on."""

    starts: dict[Place, int]
    whole_from: dict[Place, int]


class _Made(msgspec.Struct):
    event_id: str


def beginning_of(
    reader: Reader, places: Collection[Place], *, store: Vector | None, bootstrap: str
) -> Beginning:
    """The beginning of partitions, given the store's positions. Raises `ServiceError`.

    Decisions are due from the group's position on; where it has none, from now on.
    """
    bounds = reader.bounds(places)
    committed = reader.committed(places)
    due = {place: min(max(committed.get(place, end), first), end) for place, (first, end) in bounds.items()}
    back = Rewound(due, due) if store is None else rewound(reader, store, until=due, bootstrap=bootstrap)
    asked = {place: at for place, at in due.items() if at < bounds[place][1]}
    unknown = frozenset(due.keys() - committed.keys())
    return Beginning(*back, due, unknown, _decided_since(reader, asked, bootstrap))


def rewound(reader: Reader, store: Vector, *, until: Vector, bootstrap: str) -> Rewound:
    """Where the partitions of `until` are to be read from so that all is known that the store lacks.

    From as far before the store's positions, by the broker's clock, as silver looks for duplicates; not from
    before what Kafka holds, and not from after `until`. Raises `ServiceError`.
    """
    firsts = {place: first for place, (first, _) in reader.bounds(until.keys()).items()}
    whole = {place: min(max(store.get(place, 0), firsts[place]), at) for place, at in until.items()}
    behind = {place: at - 1 for place, at in whole.items() if at > firsts[place]}
    arrived = _arrivals(behind, bootstrap)
    found = reader.at_times({place: max(at - DUPLICATE_BOUND, 0) for place, at in arrived.items()})
    # Where no record lies just before, as where a transaction's marker does, all that Kafka holds is read.
    starts = firsts | {place: min(at, whole[place]) for place, at in found.items()}
    return Rewound(starts, whole)


def _decided_since(reader: Reader, due: Mapping[Place, int], bootstrap: str) -> frozenset[str]:
    """The ids that stand in the topic since the first record that is due arrived.

    A decision lies in the partition of the event that asked for it, where the topic has that many.
    """
    arrived = _arrivals(due, bootstrap)
    if not arrived:
        return frozenset()
    ends = end_offsets(bootstrap, [_TOPIC])
    numbers = {number for _, number in due}
    if max(numbers) < len(ends):
        ends = {(topic, number): end for (topic, number), end in ends.items() if number in numbers}
    since = min(arrived.values())
    starts = reader.at_times(dict.fromkeys(ends, since))
    return frozenset(
        msgspec.json.decode(record.value, type=_Made).event_id
        for record in records_between(bootstrap, starts, ends)
        if record.value
    )


def _arrivals(offsets: Mapping[Place, int], bootstrap: str) -> dict[Place, int]:
    """When the record at each offset arrived, UTC microseconds, where there is one."""
    ends = {place: at + 1 for place, at in offsets.items()}
    return {
        (record.topic, record.partition): record.ingested_at
        for record in records_between(bootstrap, offsets, ends)
    }
