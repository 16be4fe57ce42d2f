"""How far the records of each partition are read, and which of their decisions are still on their way."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping

from serving.doors.clients.interface import Place


class Progress:
    """Positions of the partitions that this replica has.

    A decision is due from a partition's position on; records before it are read for what they tell only.
    A position may be committed once every decision below it has been settled: written, or given up.
    """

    def __init__(self) -> None:
        self._next: dict[Place, int] = {}
        self._due: dict[Place, int] = {}
        self._under_way: defaultdict[Place, Counter[int]] = defaultdict(Counter)
        self._committed: dict[Place, int] = {}

    @property
    def places(self) -> frozenset[Place]:
        """The partitions."""
        return frozenset(self._due)

    def gain(self, starts: Mapping[Place, int], due: Mapping[Place, int]) -> None:
        """Take over partitions, which are read from `starts` on and whose decisions are due from `due` on."""
        self.drop(due)
        self._next |= starts
        self._due |= due

    def drop(self, places: Collection[Place]) -> None:
        """Forget partitions."""
        for place in places:
            for known in (self._next, self._due, self._under_way, self._committed):
                known.pop(place, None)

    def is_due(self, place: Place, offset: int) -> bool:
        """Whether a decision that this record asks for has yet to be made here."""
        due = self._due.get(place)
        return due is not None and offset >= due

    def read(self, place: Place, offset: int) -> None:
        """The record has been dealt with, and all before it."""
        if place in self._due:
            self._next[place] = offset + 1
            self._due[place] = max(self._due[place], offset + 1)

    def ask(self, place: Place, offset: int) -> None:
        """A decision that this record asked for is on its way to Kafka."""
        self._under_way[place][offset] += 1

    def settle(self, place: Place, offset: int) -> None:
        """One is no longer."""
        offsets = self._under_way.get(place)
        if offsets and offsets[offset] > 1:
            offsets[offset] -= 1
        elif offsets:
            offsets.pop(offset, None)

    @property
    def under_way(self) -> int:
        """Decisions on their way."""
        return sum(offsets.total() for offsets in self._under_way.values())

    def to_commit(self) -> dict[Place, int]:
        """Positions to be committed that are not yet; they count as committed from here on."""
        found = {place: min(self._under_way.get(place) or (due,)) for place, due in self._due.items()}
        new = {place: at for place, at in found.items() if self._committed.get(place) != at}
        self._committed |= new
        return new

    def lags(self, ends: Mapping[Place, int]) -> dict[Place, int]:
        """Records of each partition that have yet to be read, of those that lie below `ends`."""
        return {place: max(0, ends.get(place, at) - at) for place, at in self._next.items()}
