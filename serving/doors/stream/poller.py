"""The thread that reads Kafka: it waits outside of Python and hands over what comes, in order."""

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Protocol, TypeVar

import structlog

from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.positions import Vector
from pipelines.errors import ServiceError
from serving.doors.clients.interface import MakeReader, Membership, Place, Reader
from serving.doors.stream.beginning import Beginning, beginning_of, rewound
from serving.doors.stream.crossing import Crossing

_log = structlog.get_logger(__name__)
_BATCHES_AHEAD = 4
_MOST = 500
_POLL_SECONDS = 0.1
_HEARD_SECONDS = 1.0
_ANSWER_SECONDS = 5.0
_DRAIN_SECONDS = 1.0
_DRAIN_STEP_SECONDS = 0.01
_AGAIN_SECONDS = 1.0
_LEAST_SESSION_SECONDS = 6.0
"""What a broker as it is delivered accepts: Kafka's group.min.session.timeout.ms."""
T = TypeVar("T")


class Loop(Protocol):
    """The other side, called in the loop's thread, one call after the other in the order of the calls."""

    def took(self, records: list[KafkaRecord]) -> Iterator[None]:
        """Work on records of the partitions, step by step; `room` is to be called after that."""

    def store_positions(self) -> Vector | None:
        """The store's positions, where they are known."""

    def gained(self, beginning: Beginning) -> None:
        """These partitions are read from now on."""

    def restored(self, whole_from: Vector) -> None:
        """The partitions are read from there again."""

    def dropped(self, places: frozenset[Place]) -> None:
        """These no longer."""

    def to_commit(self) -> tuple[Vector, int]:
        """Positions to be committed, and how many decisions are on their way."""

    def heard(self, ends: Vector, at: int) -> None:
        """Kafka answered."""

    def away(self, why: str) -> None:
        """Kafka does not."""


class Poller:
    """Reads `topics` as a member of a group until it is closed; when Kafka goes away, it tries again.

    At most four batches wait for the loop: then it waits for the loop.
    """

    def __init__(
        self,
        make_reader: MakeReader,
        membership: Membership,
        topics: Collection[str],
        *,
        crossing: Crossing,
        other: Loop,
    ) -> None:
        self._make_reader = make_reader
        self._membership = membership
        self._topics = list(topics)
        self._tell, self._asked = crossing.tell, crossing.asked
        self._other = other
        self._reader: Reader | None = None
        self._positions: dict[Place, int] = {}
        self._revoked_at = 0.0
        self._commits: SimpleQueue[Vector] = SimpleQueue()
        self._restores: SimpleQueue[Vector] = SimpleQueue()
        self._room = threading.Semaphore(_BATCHES_AHEAD)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka-reader", daemon=True)

    def start(self) -> None:
        """Begin, once the loop runs."""
        self._thread.start()

    def close(self) -> None:
        """Leave the group and end; not in the loop's thread, which is asked for the last positions."""
        self._ends.set()
        self._thread.join(_ANSWER_SECONDS + 2 * _DRAIN_SECONDS)

    def room(self) -> None:
        """A batch has been dealt with. From any thread."""
        self._room.release()

    def commit(self, positions: Vector) -> None:
        """Commit soon. From any thread."""
        self._commits.put(positions)

    def restore(self, store: Vector) -> None:
        """Read again what the store, whose positions were not known, lacks. From any thread."""
        self._restores.put(store)

    def assigned(self, places: frozenset[Place]) -> Vector:
        """Begin with what is new; go on with the rest."""
        if time.monotonic() > self._revoked_at + self._membership.session_seconds:
            self._forget(frozenset(self._positions))  # others may have had them meanwhile
        new = places - self._positions.keys()
        gone = frozenset(self._positions.keys() - places)
        if gone:
            self._forget(gone)
        if new:
            assert self._reader is not None
            store = self._asked(self._other.store_positions, default=None)
            begun = beginning_of(self._reader, new, store=store, bootstrap=self._membership.bootstrap)
            if begun.unknown:  # else what comes before the first decision could be left out after a crash
                self._reader.commit({place: begun.due[place] for place in begun.unknown}, wait=True)
            self._positions |= begun.starts
            self._tell(lambda: self._other.gained(begun))
        _log.info("partitions_assigned", partitions=_shown(places), new=_shown(new))
        return {place: self._positions[place] for place in places}

    def revoked(self, places: frozenset[Place]) -> None:  # noqa: ARG002 - some of them may come back at once
        """Commit what can be: another replica may go on from there."""
        self._revoked_at = time.monotonic()
        nothing: tuple[Vector, int] = ({}, 0)
        positions = {place: at for some in _drained(self._commits) for place, at in some.items()}
        while True:
            further, under_way = self._asked(self._other.to_commit, default=nothing)
            positions |= further
            if not under_way or time.monotonic() > self._revoked_at + _DRAIN_SECONDS:
                break
            time.sleep(_DRAIN_STEP_SECONDS)
        if positions and self._reader is not None:
            with suppress(ServiceError):
                self._reader.commit(positions, wait=True)

    def lost(self, places: frozenset[Place]) -> None:
        """Forget them: another replica has had them meanwhile."""
        _log.warning("partitions_lost", partitions=_shown(places))
        self._forget(places)

    def _run(self) -> None:
        while not self._ends.is_set():
            try:
                self._reader = self._make_reader(self._membership)
                self._read(self._reader)
            except ServiceError as error:
                self._failed(error)
            finally:
                if self._reader is not None:
                    self._reader.close()
                    self._reader = None
                self._forget(frozenset(self._positions))
            self._ends.wait(_AGAIN_SECONDS)

    def _read(self, reader: Reader) -> None:
        reader.subscribe(self._topics, self)
        heard_at = 0.0
        while not self._ends.is_set():
            self._obey(reader)
            if not self._room.acquire(timeout=_POLL_SECONDS):
                continue
            records = self._polled(reader)
            if not records:
                self._room.release()
            if self._positions and time.monotonic() > heard_at + _HEARD_SECONDS:
                self._hear(reader)
                heard_at = time.monotonic()

    def _polled(self, reader: Reader) -> list[KafkaRecord]:
        try:
            records = reader.poll(seconds=_POLL_SECONDS, most=_MOST)
        except ServiceError:
            self._room.release()
            raise
        for record in records:
            self._positions[record.topic, record.partition] = record.offset + 1
        if records:
            self._tell(lambda: self._other.took(records))
        return records

    def _hear(self, reader: Reader) -> None:
        """Ask Kafka where its partitions end. That it is away is no reason to leave the group."""
        try:
            at = time.time_ns() // 1_000
            ends = reader.ends(self._positions)
        except ServiceError as error:
            why = str(error)
            self._tell(lambda: self._other.away(why))
        else:
            self._tell(lambda: self._other.heard(ends, at))

    def _obey(self, reader: Reader) -> None:
        try:
            for positions in _drained(self._commits):
                reader.commit(positions)
            for store in _drained(self._restores):
                self._restore(reader, store)
        except ServiceError as error:
            _log.warning("kafka_refused", why=str(error))

    def _restore(self, reader: Reader, store: Vector) -> None:
        back = rewound(reader, store, until=self._positions, bootstrap=self._membership.bootstrap)
        reader.seek(back.starts)
        self._positions |= back.starts
        self._tell(lambda: self._other.restored(back.whole_from))

    def _forget(self, places: frozenset[Place]) -> None:
        for place in places:
            self._positions.pop(place, None)
        if places:
            self._tell(lambda: self._other.dropped(places))

    def _failed(self, error: ServiceError) -> None:
        why = str(error)
        self._tell(lambda: self._other.away(why))
        if "session timeout" in why.lower() and self._membership.session_seconds < _LEAST_SESSION_SECONDS:
            _log.warning("session_too_short_for_broker", setting="group.min.session.timeout.ms")
            self._membership = replace(self._membership, session_seconds=_LEAST_SESSION_SECONDS)


def _drained(queue: SimpleQueue[T]) -> Iterator[T]:
    with suppress(Empty):
        while True:
            yield queue.get_nowait()


def _shown(places: Collection[Place]) -> list[str]:
    return [f"{topic}-{number}" for topic, number in sorted(places)]
