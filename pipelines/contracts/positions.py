"""Positions: the next offset of each Kafka partition, and how a commit carries them.

Every Delta commit of a streaming query holds, as its user metadata, the query, the batch and the
vector of everything the query covers by then, rejects included. So a table and its position cannot
disagree, and a position costs no commit of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

Vector = Mapping[tuple[str, int], int]
"""(topic, partition) → the next offset."""


@dataclass(frozen=True)
class Coverage:
    """What `query` covers once its batch `batch_id` is committed.

    A batch that writes several tables is `complete` with the last of them only: what lies before
    that commit can be seen half written.
    """

    query: str
    batch_id: int
    positions: Vector
    complete: bool = True

    def encode(self) -> str:
        """The commit's user metadata: a JSON object with `positions` as `nested` gives them."""
        content = {
            "query": self.query,
            "batch_id": self.batch_id,
            "positions": nested(self.positions),
            "complete": self.complete,
        }
        return msgspec.json.encode(content).decode()

    @classmethod
    def decode(cls, text: str | None) -> "Coverage | None":
        """The coverage in a commit's user metadata, or none when the commit is of another kind."""
        try:
            found = msgspec.json.decode(text or "null", type=_Metadata | None)
        except msgspec.MsgspecError:
            return None
        if found is None:
            return None
        positions = {
            (topic, partition): offset
            for topic, partitions in found.positions.items()
            for partition, offset in partitions.items()
        }
        return cls(found.query, found.batch_id, positions, found.complete)


def nested(vector: Vector) -> dict[str, dict[str, int]]:
    """The vector as JSON data: topic → partition → next offset."""
    found: dict[str, dict[str, int]] = {}
    for (topic, partition), offset in sorted(vector.items()):
        found.setdefault(topic, {})[str(partition)] = offset
    return found


def flat(positions: Mapping[str, Mapping[str, int]]) -> dict[tuple[str, int], int]:
    """The vector of what `nested` gives."""
    return {
        (topic, int(partition)): offset
        for topic, partitions in positions.items()
        for partition, offset in partitions.items()
    }


class _Metadata(msgspec.Struct):
    query: str
    batch_id: int
    positions: dict[str, dict[int, int]]
    complete: bool = True


def furthest(vectors: Iterable[Vector]) -> dict[tuple[str, int], int]:
    """The furthest of several vectors, partition by partition."""
    result: dict[tuple[str, int], int] = {}
    for vector in vectors:
        for place, offset in vector.items():
            result[place] = max(offset, result.get(place, 0))
    return result


def behind(vector: Vector, ahead: Vector) -> int:
    """Records between two vectors: what `vector` has yet to cover of `ahead`."""
    return sum(max(0, offset - vector.get(place, 0)) for place, offset in ahead.items())
