"""Which records repeat an earlier one, and which contradict it. Plain Python over Arrow, no Spark.

A record repeats when its visitor and event id were seen in the same Kafka partition at an earlier
offset, at most `DUPLICATE_BOUND` before by the broker's clock. Saying the same it is a duplicate,
saying something else it is a dead letter `conflicting_id`, compared with the latest record that was
no dead letter. So a fate depends on what lies before it in its partition and on nothing else: not on
where batches are cut, not on when they run.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.fields import MICROS_PER_SECOND
from pipelines.silver.keyed_batch import First, KeyedBatch, Place, Position
from pipelines.silver.seen import SeenRecords, Sighting

DUPLICATE_BOUND = 3600 * MICROS_PER_SECOND
"""Microseconds of the broker's clock within which a second copy is recognised as it arrives."""
HOUR = 3600 * MICROS_PER_SECOND


class History(Protocol):
    """What earlier runs of the query have decided, as its tables tell."""

    def records(self, firsts: Mapping[Place, First], *, bound: int) -> pa.Table:
        """Records before each first one and at most `bound` microseconds older, no dead letters among them.

        Columns: `topic, partition, offset, ingested_at, record_key, fingerprint`.
        """
        ...

    def links(self, firsts: Mapping[Place, First]) -> pa.Table:
        """Identities since the hour of each first record.

        Columns: `topic, partition, offset, link_key, hour` (UTC microseconds).
        """
        ...


@dataclass(frozen=True)
class Verdict:
    """What is special about a batch's records, by position; all others are silver rows as they are.

    `repeats`: position → offset of the earlier record. `conflicts`: position → that offset, too.
    `links`: positions and link keys whose visitor and user are seen together for the first time in their
    hour; a message may name several.
    """

    repeats: dict[Position, int] = field(default_factory=dict)
    conflicts: dict[Position, int] = field(default_factory=dict)
    links: set[tuple[Position, bytes]] = field(default_factory=set)

    @property
    def set_aside(self) -> set[Position]:
        """Positions that have no silver row."""
        return {*self.repeats, *self.conflicts}


class Deduplicator:
    """Judges the batches of one query in their order.

    Holds what it has seen, and asks `history` for what lies before the first record of a partition.
    """

    def __init__(self, history: History, *, bound: int = DUPLICATE_BOUND) -> None:
        self._history = history
        self._bound = bound
        self._seen = SeenRecords(bound)
        self._places: dict[Place, int] = {}
        self._links: dict[Place, dict[int, dict[bytes, int]]] = {}

    @property
    def remembered(self) -> int:
        """Records held in memory."""
        return len(self._seen)

    def judge(self, envelope: pa.Table) -> Verdict:
        """The verdict on a batch, given its envelope. To be called with every batch in turn, once each."""
        keyed = envelope.filter(pc.is_valid(envelope["record_key"]))
        if not keyed.num_rows:
            return Verdict()
        batch = KeyedBatch(keyed)
        self._open(batch)
        verdict = Verdict()
        self._judge_records(batch, verdict)
        self._judge_links(batch, verdict)
        return verdict

    def _open(self, batch: KeyedBatch) -> None:
        """Take in the history of the partitions that are seen for the first time."""
        firsts = {place: first for place, first in batch.firsts().items() if place not in self._places}
        if not firsts:
            return
        for place in firsts:
            self._places[place] = len(self._places)
        past = self._history.records(firsts, bound=self._bound)
        self._seen.remember(KeyedBatch(past).numbered(self._places))
        for row in self._history.links(firsts).to_pylist():
            known = self._links_of((row["topic"], row["partition"]), row["hour"])
            known.setdefault(row["link_key"], row["offset"])

    def _judge_records(self, batch: KeyedBatch, verdict: Verdict) -> None:
        entries = batch.numbered(self._places)
        suspects = self._seen.may_hold(entries["high"]) | batch.repeated_keys()
        if not suspects.any():
            self._seen.remember(entries)
            return
        conflicting = np.zeros(len(suspects), dtype=bool)
        by_position: dict[Position, list[int]] = defaultdict(list)
        for index in np.flatnonzero(batch.same_position_as(suspects)).tolist():
            by_position[batch.position(index)].append(index)
        earlier: dict[tuple[int, int], list[Sighting]] = {}
        for position, indices in by_position.items():
            conflicting[indices] = self._contradicts(entries[indices], position, earlier, verdict)
        self._seen.remember(entries[~conflicting])

    def _contradicts(
        self,
        entries: npt.NDArray[np.void],
        position: Position,
        earlier: dict[tuple[int, int], list[Sighting]],
        verdict: Verdict,
    ) -> bool:
        """Decide on the entries of one position, those before it being decided; whether it is in conflict."""
        said, offset = int(entries["fingerprint"][0]), position[2]
        keys = list(zip(entries["high"].tolist(), entries["low"].tolist(), strict=True))
        since = int(entries["seen_at"][0]) - self._bound
        known = []
        for key in keys:
            if key not in earlier:
                earlier[key] = self._seen.sightings(*key)
            before = [one for one in earlier[key] if one.offset < offset and one.seen_at >= since]
            known += [max(before)] if before else []
        contradicted = [sighting.offset for sighting in known if sighting.fingerprint != said]
        if contradicted:
            verdict.conflicts[position] = max(contradicted)
            return True
        if known:
            verdict.repeats[position] = max(sighting.offset for sighting in known)
        for key in keys:
            earlier[key].append(Sighting(offset, since + self._bound, said))
        return False

    def _judge_links(self, batch: KeyedBatch, verdict: Verdict) -> None:
        """Note the first record of each hour that names a visitor and a user together."""
        set_aside = verdict.set_aside
        codes, offsets = batch.entries["place"].tolist(), batch.entries["offset"].tolist()
        hours = (batch.entries["seen_at"] // HOUR * HOUR).tolist()
        for code, offset, hour, link in zip(codes, offsets, hours, batch.link_keys, strict=True):
            if link is None:
                continue
            place = batch.places[code]
            known = self._links_of(place, hour)
            # An equal offset is the same record once more, in a batch that is being repeated.
            if known.get(link, offset) < offset or (*place, offset) in set_aside:
                continue
            known[link] = offset
            verdict.links.add(((*place, offset), link))

    def _links_of(self, place: Place, hour: int) -> dict[bytes, int]:
        """Link → offset of the hour; the hours before the last one are let go."""
        hours = self._links.setdefault(place, {})
        if hour not in hours:
            for old in [old for old in hours if old < hour - HOUR]:
                del hours[old]
            hours[hour] = {}
        return hours[hour]
