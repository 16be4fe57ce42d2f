"""What was read of features against what history makes of the same moment: equal, or which column is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.positions import Vector
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.history import values_at

Row = dict[str, Any]
PLACED = ("topic", "partition", "offset", "occurred_at")
"""By what an event is seen: where it lies in Kafka, and when it occurred (UTC microseconds)."""
_VISITOR, _USER, _SEEN, _OWNER = "visitor_id", "user_id", "visible_at", "_owner"
_EXAMPLES = 5


class LoggedRead(NamedTuple):
    """Values that were read of an entity at a moment, UTC microseconds, and what they were to hold."""

    read_id: str
    key: tuple[str, ...]
    at: int
    positions: Vector
    values: Mapping[str, Any]


@dataclass
class Tally:
    """How one column compares. `late`: reads whose value differs between the clocks."""

    reads: int = 0
    mismatch: int = 0
    missing: int = 0
    extra: int = 0
    late: int = 0
    examples: list[Row] = field(default_factory=list)

    @property
    def faults(self) -> int:
        """Values that are not what history says."""
        return self.mismatch + self.missing + self.extra

    def add(self, read: LoggedRead, online: Any, offline: Any, in_time: Any) -> None:
        """Count one value: as it was read, as of what had arrived, as of what had occurred."""
        self.reads += 1
        self.late += offline != in_time
        if online == offline:
            return
        self.missing += online is None
        self.extra += offline is None
        self.mismatch += online is not None and offline is not None
        if len(self.examples) < _EXAMPLES:
            self.examples.append(
                {"read": read.read_id, "entity": list(read.key), "online": online, "offline": offline}
            )


def compared(
    feature_set: FeatureSet, reads: Sequence[LoggedRead], events: pa.Table, links: pa.Table | None
) -> dict[str, Tally]:
    """Column → how its values compare; a column that was not there yet at a read is left out of it.

    `events`: all that are about the entities, the columns that the set reads and `PLACED`. `links`: for keys
    that name a user in the visitor's place, all events that name both, those columns and `PLACED`.
    """
    known = _on_arrival(feature_set, reads, events, links)
    in_time = _on_occurrence(feature_set, reads, events, links)
    found: dict[str, Tally] = {output.name: Tally() for output in feature_set.outputs}
    for read, offline, other in zip(reads, known, in_time, strict=True):
        for name, tally in found.items():
            if name in read.values:
                tally.add(read, read.values[name], offline[name], other[name])
    return found


def chains(vectors: Sequence[Vector]) -> list[list[int]]:
    """The numbers of the vectors in rows, each vector at or beyond the one before it everywhere."""
    found: list[list[int]] = []
    for number in sorted(range(len(vectors)), key=lambda one: sum(vectors[one].values())):
        for chain in found:
            if _is_beyond(vectors[number], vectors[chain[-1]]):
                chain.append(number)
                break
        else:
            found.append([number])
    return found


def _is_beyond(one: Vector, other: Vector) -> bool:
    return all(one.get(place, 0) >= offset for place, offset in other.items())


def _on_arrival(
    feature_set: FeatureSet, reads: Sequence[LoggedRead], events: pa.Table, links: pa.Table | None
) -> list[Row]:
    """Each read's values by what lies below its positions. In a chain the number of a vector is its time."""
    found: dict[int, Row] = {}
    for chain in chains([one.positions for one in reads]):
        vectors = [reads[number].positions for number in chain]
        visible = _seen(
            events, _firsts(events, vectors), links, None if links is None else _firsts(links, vectors)
        )
        spine = _spine(feature_set, [reads[number] for number in chain], np.arange(len(chain)) + 1)
        values = values_at(feature_set, visible.select([*feature_set.reads, _SEEN]), spine)
        found |= dict(zip(chain, values.to_pylist(), strict=True))
    return [found[number] for number in range(len(reads))]


def _on_occurrence(
    feature_set: FeatureSet, reads: Sequence[LoggedRead], events: pa.Table, links: pa.Table | None
) -> list[Row]:
    """Each read's values by what had occurred before it, whenever it arrived."""
    visible = _seen(events, _occurred(events), links, None if links is None else _occurred(links))
    spine = _spine(feature_set, reads, np.array([one.at for one in reads], np.int64))
    rows: list[Row] = values_at(feature_set, visible.select([*feature_set.reads, _SEEN]), spine).to_pylist()
    return rows


def _firsts(events: pa.Table, vectors: Sequence[Vector]) -> npt.NDArray[np.int64]:
    """The number of the first of the rising vectors that each event lies below; their count if none."""
    found = np.full(events.num_rows, len(vectors), np.int64)
    topics, partitions = events["topic"].combine_chunks(), events["partition"].to_numpy()
    offsets = events["offset"].to_numpy()
    for topic, partition in {place for vector in vectors for place in vector}:
        is_topic = pc.equal(topics, topic).to_numpy(zero_copy_only=False)
        here = np.flatnonzero(is_topic & (partitions == partition))
        until = np.array([vector.get((topic, partition), 0) for vector in vectors], np.int64)
        found[here] = np.searchsorted(until, offsets[here], side="right")
    return found


def _occurred(events: pa.Table) -> npt.NDArray[np.int64]:
    return np.asarray(events["occurred_at"].to_numpy(), np.int64)


def _seen(
    events: pa.Table,
    visible: npt.NDArray[np.int64],
    links: pa.Table | None,
    linked: npt.NDArray[np.int64] | None,
) -> pa.Table:
    """The events with when they are seen; with links, by each user of their visitor once both are."""
    timed = events.append_column(_SEEN, pa.array(visible))
    if links is None:
        return timed
    pairs = links.select([_VISITOR, _USER]).append_column("linked_at", pa.array(linked))
    first = (
        pairs.group_by([_VISITOR, _USER]).aggregate([("linked_at", "min")]).rename_columns({_USER: _OWNER})
    )
    joined = timed.join(first, keys=_VISITOR, join_type="inner")
    seen = pc.max_element_wise(joined[_SEEN], joined["linked_at_min"])
    owned = joined.drop_columns([_VISITOR, _SEEN, "linked_at_min"]).rename_columns({_OWNER: _VISITOR})
    return owned.append_column(_SEEN, seen)


def _spine(feature_set: FeatureSet, reads: Sequence[LoggedRead], seen_at: npt.NDArray[np.int64]) -> pa.Table:
    """A row per read, which sees what is seen before `seen_at`."""
    keys = list(zip(*(one.key for one in reads), strict=True))
    columns = {
        name: pa.array(values, pa.string()) for name, values in zip(feature_set.keys, keys, strict=True)
    }
    moments = {"at": pa.array([one.at for one in reads], pa.int64()), "seen_at": pa.array(seen_at)}
    return pa.table({**columns, **moments, "event_id": pa.nulls(len(reads), pa.string())})
