"""What the scorer wants of a Kafka client: a member of a group that reads, and a writer that never waits."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.positions import Vector

Place = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True)
class Membership:
    """Which group a reader joins. Not heard of for `session_seconds`, it loses its partitions to others."""

    bootstrap: str
    group: str
    member: str
    session_seconds: float

    @property
    def session_ms(self) -> int:
        """The same in milliseconds."""
        return round(self.session_seconds * 1000)

    @property
    def heartbeat_ms(self) -> int:
        """How often the group hears of it: several times within the session."""
        return max(self.session_ms // 6, 100)


class Listener(Protocol):
    """Told about partitions by `poll`, in its thread. What it raises is raised by `poll`."""

    def assigned(self, places: frozenset[Place]) -> Vector:
        """These are the partitions to read now; where to begin with each."""
        ...

    def revoked(self, places: frozenset[Place]) -> None:
        """These are given back in order: what is done with may still be committed."""
        ...

    def lost(self, places: frozenset[Place]) -> None:
        """These were taken away: another replica may have them already."""
        ...


class Reader(Protocol):
    """A member of the group. One thread calls it; all but `poll` may be called by the listener, too.

    Every method raises `ServiceError` when Kafka does not answer or refuses.
    """

    def subscribe(self, topics: Collection[str], listener: Listener) -> None:
        """Join. Partitions of one number are given to one member together, of all topics."""
        ...

    def poll(self, *, seconds: float, most: int) -> list[KafkaRecord]:
        """The next records as soon as there are any, in order within partitions; none after `seconds`."""
        ...

    def seek(self, positions: Vector) -> None:
        """Go on from there."""
        ...

    def committed(self, places: Collection[Place]) -> dict[Place, int]:
        """The group's positions; partitions without one are left out."""
        ...

    def commit(self, positions: Vector, *, wait: bool = False) -> None:
        """Set the group's positions; waiting for the answer or not. A refusal after all is logged."""
        ...

    def bounds(self, places: Collection[Place]) -> dict[Place, tuple[int, int]]:
        """The first and the next offset of each partition."""
        ...

    def ends(self, places: Collection[Place]) -> dict[Place, int]:
        """The next offset of each partition, by one question to each broker."""
        ...

    def at_times(self, moments: Mapping[Place, int]) -> dict[Place, int]:
        """The first offset that arrived at the moment or later, UTC microseconds; the end if none did."""
        ...

    def close(self) -> None:
        """Leave the group; never raises."""
        ...


class Outgoing(NamedTuple):
    """A record to write; to the partition that its key leads to by murmur2 where none is named."""

    topic: str
    key: bytes
    value: bytes
    partition: int | None = None


Settled = Callable[[Sequence[Any], bool], None]
"""Called in any thread: these tokens' records were acknowledged by all replicas, or they were given up."""


class Writer(Protocol):
    """Writes in the background."""

    def send(self, record: Outgoing, token: Any) -> bool:
        """Take a record without waiting; `settled` is called with its token. False: it is full, later."""
        ...

    def close(self, *, seconds: float) -> None:
        """End, after at most so long for what is under way; never raises."""
        ...


class MakeReader(Protocol):
    """Makes a reader."""

    def __call__(self, membership: Membership, /) -> Reader:
        """Raises `ServiceError` when there is no broker at all."""
        ...


class MakeWriter(Protocol):
    """Makes a writer."""

    def __call__(self, bootstrap: str, *, settled: Settled, max_message_bytes: int) -> Writer:
        """Needs no broker yet."""
        ...


class Client(NamedTuple):
    """A library's reader and writer."""

    reader: MakeReader
    writer: MakeWriter
