"""A batch's records as arrays: who, what, where, when; the form in which deduplication looks at them."""

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
_PARTITIONS = 1 << 31


class First(NamedTuple):
    """The first record of a partition among some."""

    offset: int
    ingested_at: int


class KeyedBatch:
    """Records that have a key, by partition and offset; `entries["place"]` numbers their `places`."""

    def __init__(self, records: pa.Table) -> None:
        self.places, codes = _places(records)
        order = np.lexsort((records["offset"].to_numpy(), codes))
        ordered = records.take(pa.array(order))
        self.entries = _entries(ordered)
        self.entries["place"] = codes[order]
        links = "link_key" in ordered.column_names
        self.link_keys: list[bytes | None] = ordered["link_key"].to_pylist() if links else []

    def position(self, index: int) -> Position:
        """Where a record lies."""
        entry = self.entries[index]
        return (*self.places[entry["place"]], int(entry["offset"]))

    def firsts(self) -> dict[Place, First]:
        """The first record of each partition."""
        codes, indices = np.unique(self.entries["place"], return_index=True)
        found = self.entries[indices]
        return {
            self.places[code]: First(int(entry["offset"]), int(entry["seen_at"]))
            for code, entry in zip(codes, found, strict=True)
        }

    def numbered(self, numbers: dict[Place, int]) -> Entries:
        """The entries, their partitions numbered as given."""
        entries = self.entries.copy()
        if self.places:
            entries["place"] = np.array([numbers[place] for place in self.places])[entries["place"]]
        return entries

    def repeated_keys(self) -> npt.NDArray[np.bool_]:
        """Which records share the first half of their key with another one."""
        _, codes, counts = np.unique(self.entries["high"], return_inverse=True, return_counts=True)
        repeated: npt.NDArray[np.bool_] = counts[codes] > 1
        return repeated

    def same_position_as(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """The chosen records, and those that were made from the same messages."""
        where = self.entries[["place", "offset"]]
        changes = np.flatnonzero(where[1:] != where[:-1]) + 1
        message = np.zeros(len(where), dtype=np.int64)
        message[changes] = 1
        numbers = np.cumsum(message)
        found: npt.NDArray[np.bool_] = np.isin(numbers, numbers[chosen])
        return found


def _places(records: pa.Table) -> tuple[list[Place], npt.NDArray[np.int64]]:
    """The partitions among the records, and the number of each record's own."""
    topics = records["topic"].combine_chunks().dictionary_encode()
    names = topics.dictionary.to_pylist()
    codes = topics.indices.to_numpy().astype(np.int64) * _PARTITIONS + records["partition"].to_numpy()
    distinct, numbers = np.unique(codes, return_inverse=True)
    return [(names[code // _PARTITIONS], int(code % _PARTITIONS)) for code in distinct], numbers


def _entries(records: pa.Table) -> Entries:
    entries: Entries = np.zeros(records.num_rows, dtype=ENTRY)
    keys = b"".join(records["record_key"].to_pylist())
    halves = np.frombuffer(keys, dtype="<u8").reshape(-1, _KEY_BYTES // 8)
    entries["high"], entries["low"] = halves[:, 0], halves[:, 1]
    entries["offset"] = records["offset"].to_numpy()
    entries["fingerprint"] = records["fingerprint"].to_numpy()
    entries["seen_at"] = pc.cast(records["ingested_at"], pa.int64()).to_numpy()
    return entries
