"""Which records repeat or contradict an earlier one, judged one at a time: silver's rule in plain Python.

For whoever reads Kafka record by record. The rule is that of `deduplication`; a memory is of one partition,
whose records come in the order of their offsets, and holds no more than the rule looks back.
"""

from collections.abc import Iterable
from operator import itemgetter

from pipelines.contracts.parsing import Row
from pipelines.silver.deduplication import DUPLICATE_BOUND
from pipelines.silver.reading import Rows

_GENERATIONS = 4
_SHIFT = 64
_MASK = (1 << _SHIFT) - 1
_first = itemgetter(0)

Identity = tuple[str, str, str]
"""Table, visitor and event id."""


class Standing:
    """The records of one partition that stand: those that later ones repeat or contradict.

    Some 130 bytes a record, for the last `bound` microseconds of the broker's clock and a quarter more.
    """

    def __init__(self, *, bound: int = DUPLICATE_BOUND) -> None:
        self._bound = bound
        self._generations: list[dict[int, int]] = [{}]
        self._begun: list[int] = []

    def __len__(self) -> int:
        return sum(map(len, self._generations))

    def holds(self, identity: Identity) -> bool:
        """Whether such a record stands."""
        key = hash(identity)
        return any(key in one for one in self._generations)

    def admits(self, rows: Rows, *, ingested_at: int) -> bool:
        """Whether a record of these rows is the first of its kind; if it contradicts none, it stands.

        `ingested_at` by the broker's clock, UTC microseconds. A record whose rows have no id of their own is
        always admitted.
        """
        keyed = identities(rows)
        if not keyed:
            return True
        fingerprint = keyed[0][1]["fingerprint"] & _MASK
        keys = [hash(identity) for identity, _ in keyed]
        known = [said for said in map(self._said, keys) if said >> _SHIFT >= ingested_at - self._bound]
        if any(said & _MASK != fingerprint for said in known):
            return False
        self._renew(ingested_at)
        newest = self._generations[0]
        for key in keys:
            newest[key] = ingested_at << _SHIFT | fingerprint
        return not known

    def _said(self, key: int) -> int:
        """When the latest of that key came, and what it said; 0 of none."""
        for one in self._generations:
            said = one.get(key)
            if said is not None:
                return said
        return 0

    def _renew(self, now: int) -> None:
        """Begin with a new generation every quarter of the bound, and let go of those past it."""
        begun = self._begun
        if not begun:
            begun.append(now)
        elif now >= begun[0] + self._bound // _GENERATIONS:
            begun.insert(0, now)
            self._generations.insert(0, {})
            # A generation ends where the next one begins.
            while len(begun) > 1 and begun[-2] < now - self._bound:
                begun.pop()
                self._generations.pop()


def identities(rows: Iterable[tuple[str, Row]]) -> list[tuple[Identity, Row]]:
    """Which records the rows of a message are, by table. Of an order's lines the first speaks for all."""
    keyed = [
        ((table, row["visitor_id"], row["event_id"]), row)
        for table, row in rows
        if "fingerprint" in row and row.get("line_number", 1) == 1
    ]
    return sorted(keyed, key=_first) if len(keyed) > 1 else keyed
