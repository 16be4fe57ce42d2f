"""The log of decisions: every one goes to Kafka, in the background; while it is away, they wait."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import structlog

from serving.doors.clients.interface import MakeWriter, Outgoing
from serving.doors.meters import Meters
from serving.scoring.decision import Decision

_log = structlog.get_logger(__name__)
_TOPIC = "decisions"
_UNDER_WAY = 1_000
_AGAIN_SECONDS = 0.5


class _Entry(NamedTuple):
    record: Outgoing
    settled: Callable[[], None] | None


class DecisionLog:
    """Writes decisions in their order. Used in the loop's thread only.

    At most `most_waiting` wait for Kafka; beyond that the oldest is dropped, which is counted and logged.
    """

    def __init__(
        self,
        make_writer: MakeWriter,
        bootstrap: str,
        *,
        loop: asyncio.AbstractEventLoop,
        meters: Meters,
        max_message_bytes: int,
        most_waiting: int,
    ) -> None:
        self._loop = loop
        self._meters = meters
        self._most_waiting = most_waiting
        self._waiting: deque[_Entry] = deque()
        self._under_way: dict[int, _Entry] = {}
        self._next_token = 0
        self._answers: deque[tuple[Sequence[Any], bool]] = deque()
        self._pushes_at: asyncio.TimerHandle | None = None
        self._is_away = False
        self._is_closed = False
        self._writer = make_writer(bootstrap, settled=self._settled, max_message_bytes=max_message_bytes)

    def __len__(self) -> int:
        """Decisions that are not known to be written."""
        return len(self._waiting) + len(self._under_way)

    def write(
        self, decision: Decision, *, partition: int | None = None, settled: Callable[[], None] | None = None
    ) -> None:
        """Write soon. `settled` is called once it is written, or dropped for good."""
        record = Outgoing(_TOPIC, decision.visitor_id.encode(), decision.encode(), partition)
        self._waiting.append(_Entry(record, settled))
        if len(self._waiting) > self._most_waiting:
            self._drop_oldest()
        if self._pushes_at is None:
            self._push()
        self._meters.waiting.set(len(self))

    async def close(self, *, seconds: float) -> None:
        """Write what waits, for at most so long; what is left is counted as dropped."""
        until = self._loop.time() + seconds
        while len(self) and self._loop.time() < until:
            await asyncio.sleep(0.02)
        self._is_closed = True
        await asyncio.to_thread(self._writer.close, seconds=max(0.1, until - self._loop.time()))
        self._take_answers()
        if len(self):
            self._meters.dropped.inc(len(self))
            _log.error("decisions_not_written", decisions=len(self))

    def _push(self) -> None:
        self._pushes_at = None
        while self._waiting and len(self._under_way) < _UNDER_WAY:
            self._next_token += 1
            if not self._writer.send(self._waiting[0].record, self._next_token):
                self._push_later()
                return
            self._under_way[self._next_token] = self._waiting.popleft()

    def _push_later(self) -> None:
        if self._pushes_at is None and not self._is_closed:
            self._pushes_at = self._loop.call_later(_AGAIN_SECONDS, self._push)

    def _settled(self, tokens: Sequence[Any], is_written: bool) -> None:
        """In a thread of the client."""
        self._answers.append((tokens, is_written))
        if len(self._answers) == 1:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._take_answers)

    def _take_answers(self) -> None:
        back: list[_Entry] = []
        while self._answers:
            tokens, is_written = self._answers[0]
            entries = [self._under_way.pop(token) for token in tokens if token in self._under_way]
            if is_written:
                self._written(entries)
            else:
                back += entries
            self._note(is_away=not is_written)
            self._answers.popleft()
        if back:
            self._waiting.extendleft(reversed(back))
            self._push_later()
        elif self._pushes_at is None and not self._is_closed:
            self._push()
        self._meters.waiting.set(len(self))

    def _written(self, entries: Sequence[_Entry]) -> None:
        self._meters.logged.inc(len(entries))
        for entry in entries:
            if entry.settled is not None:
                entry.settled()

    def _note(self, *, is_away: bool) -> None:
        if is_away != self._is_away:
            self._is_away = is_away
            _log.warning("decisions_wait_for_kafka" if is_away else "decisions_are_written_again")

    def _drop_oldest(self) -> None:
        oldest = self._waiting.popleft()
        self._meters.dropped.inc()
        if oldest.settled is not None:
            oldest.settled()
