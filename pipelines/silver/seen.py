"""What was seen lately, in memory: which record, what it said, where and when. Plain numpy.

A record is known by 16 bytes. Entries lie in a few runs, each sorted by the first 8 bytes, so a
batch is looked up by binary search and an hour of events costs some 42 bytes each.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

ENTRY = np.dtype(
    [
        ("high", "<u8"),
        ("low", "<u8"),
        ("fingerprint", "<i8"),
        ("offset", "<i8"),
        ("seen_at", "<i8"),
        ("place", "<i2"),
    ]
)
"""One record: its key in two halves, fingerprint, offset, arrival (UTC µs), number of its partition."""

Entries = npt.NDArray[np.void]
_FEW_RUNS = 6


class _Run(NamedTuple):
    """Entries sorted by `high`, which is kept once more on its own, close together in memory."""

    high: npt.NDArray[np.uint64]
    entries: Entries

    @classmethod
    def of(cls, entries: Entries) -> "_Run":
        ordered = entries[np.argsort(entries["high"], kind="stable")]
        return cls(np.ascontiguousarray(ordered["high"]), ordered)


class Sighting(NamedTuple):
    """An earlier record under the same key."""

    offset: int
    seen_at: int
    fingerprint: int


@dataclass
class SeenRecords:
    """Records of the last `bound` microseconds of each partition's own clock."""

    bound: int

    def __post_init__(self) -> None:
        self._runs: list[_Run] = []
        self._newest: dict[int, int] = {}

    def __len__(self) -> int:
        return sum(len(run.high) for run in self._runs)

    def remember(self, entries: Entries) -> None:
        """Add entries, in any order. Entries that no later record can repeat are let go in time."""
        if not len(entries):
            return
        for place in np.unique(entries["place"]):
            newest = int(entries["seen_at"][entries["place"] == place].max())
            self._newest[int(place)] = max(newest, self._newest.get(int(place), newest))
        self._runs.append(_Run.of(entries))
        if len(self._runs) > _FEW_RUNS:
            self._merge()

    def may_hold(self, high: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Whether a record with these first halves was seen: never false when it was."""
        found = np.zeros(len(high), dtype=bool)
        for run in self._runs:
            place = np.minimum(np.searchsorted(run.high, high), len(run.high) - 1)
            found |= run.high[place] == high
        return found

    def sightings(self, high: int, low: int) -> list[Sighting]:
        """All entries under exactly this key, in no order."""
        found = []
        for run in self._runs:
            first = int(np.searchsorted(run.high, np.uint64(high), side="left"))
            last = int(np.searchsorted(run.high, np.uint64(high), side="right"))
            found += [
                Sighting(int(entry["offset"]), int(entry["seen_at"]), int(entry["fingerprint"]))
                for entry in run.entries[first:last]
                if int(entry["low"]) == low
            ]
        return found

    def _merge(self) -> None:
        """Join the small runs, up to the first that is far larger than all of them."""
        runs = sorted((run.entries for run in self._runs), key=len)
        merged = [runs.pop(0)]
        while runs and len(runs[0]) <= 2 * sum(map(len, merged)):
            merged.append(runs.pop(0))
        floors = np.zeros(max(self._newest) + 1, dtype=np.int64)
        for place, newest in self._newest.items():
            floors[place] = newest - self.bound
        joined = np.concatenate(merged)
        kept = joined[joined["seen_at"] >= floors[joined["place"]]]
        self._runs = [_Run.of(entries) for entries in (*runs, kept) if len(entries)]
