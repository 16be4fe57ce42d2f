"""A batch's records as arrays: who, what, where, when; the form in which deduplication looks at them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.silver.seen import ENTRY, Entries

Place = tuple[str, int]
"""Topic and partition."""
Position = tuple[str, int, int]
"""Topic, partition and offset."""
_KEY_BYTES = 16


class First(NamedTuple):
    """The first record of a partition among some."""

    offset: int
    ingested_at: int


class KeyedBatch:
    """Records that have a key, by partition and offset. `entries["place"]` is given by the caller."""

    def __init__(self, records: pa.Table) -> None:
        ordered = records.sort_by(
            [("topic", "ascending"), ("partition", "ascending"), ("offset", "ascending")]
        )
        self.entries = _entries(ordered)
        self.topics: list[str] = ordered["topic"].to_pylist()
        self.partitions: list[int] = ordered["partition"].to_pylist()
        self.offsets: list[int] = ordered["offset"].to_pylist()
        self.seen_at: list[int] = self.entries["seen_at"].tolist()
        links = "link_key" in ordered.column_names
        self.link_keys: Sequence[bytes | None] = ordered["link_key"].to_pylist() if links else ()

    def position(self, index: int) -> Position:
        """Where a record lies."""
        return self.topics[index], self.partitions[index], self.offsets[index]

    @property
    def places(self) -> list[Place]:
        """The partition of each record."""
        return list(zip(self.topics, self.partitions, strict=True))

    def firsts(self) -> dict[Place, First]:
        """The first record of each partition."""
        found: dict[Place, First] = {}
        for place, offset, seen_at in zip(self.places, self.offsets, self.seen_at, strict=True):
            found.setdefault(place, First(offset, seen_at))
        return found

    def repeated_keys(self) -> npt.NDArray[np.bool_]:
        """Which records share the first half of their key with another one."""
        _, codes, counts = np.unique(self.entries["high"], return_inverse=True, return_counts=True)
        repeated: npt.NDArray[np.bool_] = counts[codes] > 1
        return repeated

    def same_position_as(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """The chosen records, and those that were made from the same messages."""
        positions = {self.position(int(index)) for index in np.flatnonzero(chosen)}
        every = zip(self.topics, self.partitions, self.offsets, strict=True)
        return np.fromiter((one in positions for one in every), dtype=bool, count=len(self.entries))


def _entries(records: pa.Table) -> Entries:
    entries: Entries = np.zeros(records.num_rows, dtype=ENTRY)
    keys = records["record_key"].combine_chunks()
    halves = np.frombuffer(b"".join(keys.to_pylist()), dtype="<u8").reshape(-1, _KEY_BYTES // 8)
    entries["high"], entries["low"] = halves[:, 0], halves[:, 1]
    entries["offset"] = records["offset"].to_numpy()
    entries["fingerprint"] = records["fingerprint"].to_numpy()
    entries["seen_at"] = pc.cast(records["ingested_at"], pa.int64()).to_numpy()
    return entries
