"""The scorer's door to Kafka: reads what shoppers do, decides what is asked, writes what was decided."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any

import structlog

from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.positions import Vector
from pipelines.gold.features.values import Event
from pipelines.gold.problems.problem import Problem
from serving.doors.clients.interface import MakeReader, Membership, Place
from serving.doors.identity import Identity
from serving.doors.log import DecisionLog
from serving.doors.meters import Meters
from serving.doors.stream.beginning import Beginning
from serving.doors.stream.crossing import Crossing
from serving.doors.stream.decided import Decided
from serving.doors.stream.poller import Poller
from serving.doors.stream.progress import Progress
from serving.doors.stream.questions import Questions
from serving.scoring.asked import Feed, Scorer

_log = structlog.get_logger(__name__)
_SLICE_SECONDS = 0.001
_COMMIT_SECONDS = 0.5
_RESTORE_SECONDS = 5.0
_SILENT_SECONDS = 10.0
_BEHIND = 1_000
_REMEMBERED = 200_000


class KafkaDoor:
    """Lives in the loop's thread; a `Poller` waits for Kafka in its own.

    Work is done in the order of its coming, about a millisecond at a time, so that callers of the other door
    are not kept waiting. `store_positions` tells the online store's positions as last read; None while they
    are not known.
    """

    def __init__(
        self,
        *,
        scorer: Scorer,
        feed: Feed,
        store_positions: Callable[[], Vector | None],
        log: DecisionLog,
        problems: Collection[Problem],
        identity: Identity,
        meters: Meters,
    ) -> None:
        self._scorer = scorer
        self._feed = feed
        self._store_positions = store_positions
        self._log = log
        self._questions = Questions(problems)
        self._identity = identity
        self._meters = meters
        self._progress = Progress()
        self._decided = Decided(_REMEMBERED)
        self._work: deque[Iterator[None]] = deque()
        self._is_working = False
        self._poller: Poller | None = None
        self._is_restored = True
        self._heard_at: float | None = None
        self._ends: tuple[Vector, int] | None = None
        self._lag = 0
        self._timers: list[asyncio.Task[None]] = []

    def start(self, make_reader: MakeReader, membership: Membership, topics: Collection[str]) -> None:
        """Join the group; in the running loop."""
        loop = asyncio.get_running_loop()
        crossing = Crossing(loop, self._queue)
        self._poller = Poller(make_reader, membership, topics, crossing=crossing, other=self)
        self._poller.start()
        self._timers = [
            loop.create_task(self._repeat(_COMMIT_SECONDS, self._commit)),
            loop.create_task(self._repeat(_RESTORE_SECONDS, self._restore)),
        ]

    async def stop(self) -> None:
        """Leave the group in order: what is decided is committed once it is written."""
        if self._poller is not None:
            await asyncio.to_thread(self._poller.close)
        for timer in self._timers:
            timer.cancel()

    def problem(self) -> str | None:
        """Why the door is not ready, in a sentence; none when it is."""
        if self._heard_at is None:
            return "Kafka has not answered yet, or gave no partition"
        silent = time.monotonic() - self._heard_at
        if silent > _SILENT_SECONDS:
            return f"Kafka has not answered for {silent:.0f} s"
        if not self._is_restored:
            return "the store's positions are not known yet"
        return f"{self._lag} records are still to be read" if self._lag > _BEHIND else None

    def took(self, records: list[KafkaRecord]) -> Iterator[None]:
        """Take in the records one by one; what is asked is decided before its own event is known."""
        mine = [one for one in records if (one.topic, one.partition) in self._progress.places]
        try:
            for record, events in self._feed.take(mine):
                place = (record.topic, record.partition)
                if events and self._progress.is_due(place, record.offset):
                    for event in events:
                        self._answer(event, record)
                self._progress.read(place, record.offset)
                yield
            self._meters.records.inc(len(mine))
            self._note_caught_up()
        finally:
            if self._poller is not None:
                self._poller.room()

    def store_positions(self) -> Vector | None:
        """The store's positions, where they are known."""
        return self._store_positions()

    def gained(self, beginning: Beginning) -> None:
        """Read these partitions from now on."""
        self._is_restored = self._store_positions() is not None
        self._feed.begin(beginning.whole_from)
        self._progress.gain(beginning.starts, beginning.due)
        self._decided.add(beginning.decided)
        self._meters.partitions.set(len(self._progress.places))

    def restored(self, whole_from: Vector) -> None:
        """Begin anew with partitions, now that the store's positions are known."""
        self._is_restored = True
        self._feed.begin(whole_from)

    def dropped(self, places: frozenset[Place]) -> None:
        """These belong to another replica."""
        self._feed.leave(places)
        self._progress.drop(places)
        self._meters.partitions.set(len(self._progress.places))

    def to_commit(self) -> tuple[Vector, int]:
        """Positions below which every decision is written, and how many are on their way."""
        return self._progress.to_commit(), self._progress.under_way

    def heard(self, ends: Vector, at: int) -> None:
        """Kafka answered at that moment, UTC microseconds."""
        self._heard_at = time.monotonic()
        self._ends = (ends, at)
        self._meters.silent.set(0)
        self._note_caught_up()

    def away(self, why: str) -> None:
        """Kafka does not answer."""
        if self._heard_at is not None:
            self._meters.silent.set(time.monotonic() - self._heard_at)
        _log.warning("kafka_away", why=why)

    def _queue(self, call: Callable[[], Any]) -> None:
        self._work.append(_steps(call))
        if not self._is_working:
            self._is_working = True
            self._go_on()

    def _note_caught_up(self) -> None:
        """Say so once all is taken in that Kafka held when it last told."""
        if self._ends is None:
            return
        ends, at = self._ends
        self._lag = sum(self._progress.lags(ends).values())
        self._meters.lag.set(self._lag)
        if self._lag == 0:
            self._feed.caught_up(at)
            self._ends = None

    def _go_on(self) -> None:
        """Work for a moment; the rest after what else waits in the loop."""
        until = time.perf_counter() + _SLICE_SECONDS
        while self._work and time.perf_counter() < until:
            try:
                next(self._work[0])
            except StopIteration:
                self._work.popleft()
            except Exception:
                _log.exception("kafka_work_failed")
                self._meters.failures.labels("kafka").inc()
                self._work.popleft()
        self._is_working = bool(self._work)
        if self._is_working:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _answer(self, event: Event, record: KafkaRecord) -> None:
        place, offset = (record.topic, record.partition), record.offset
        for question in self._questions.of(event):
            if question.decision_id in self._decided:
                continue
            try:
                (decision,) = self._scorer.decide([question], door="kafka", now=time.time_ns() // 1_000)
            except Exception:  # the shopper's event counts all the same
                _log.exception("decision_failed", problem=question.problem.name)
                self._meters.failures.labels("scorer").inc()
                continue
            self._decided.add([question.decision_id])
            self._progress.ask(place, offset)
            told = self._identity.as_told(decision, record)
            settled = partial(self._progress.settle, place, offset)
            self._log.write(told, partition=record.partition, settled=settled)
            self._meters.decided(decision)

    def _commit(self) -> None:
        positions = self._progress.to_commit()
        if positions and self._poller is not None:
            self._poller.commit(positions)

    def _restore(self) -> None:
        """Read what the store lacks once its positions are known, where they were not at first."""
        if not self._is_restored and self._poller is not None:
            found = self._store_positions()
            if found is not None:
                self._poller.restore(found)

    @staticmethod
    async def _repeat(seconds: float, call: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            call()


def _steps(call: Callable[[], Any]) -> Iterator[None]:
    """The call, and the steps of the work that it gives, if it gives any."""
    work = call()
    if isinstance(work, Iterator):
        yield from work
