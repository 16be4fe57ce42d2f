"""Keeps the streaming queries of one driver running: restarts with back-off, gives up on poison, drains.

A fault outside a batch (the broker away, a lost connection) is tried again for ever, waiting longer
each time. A batch that fails again and again is poison: after `ATTEMPTS` its query is stopped for
good, and the others go on. What no restart can mend (a lost checkpoint, records that Kafka has
deleted) stops the query at once. Records that the parser cannot read never come here: they are dead
letters.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog
from pyspark.sql import SparkSession

from pipelines.connectors.names import Names
from pipelines.errors import ClicklakeError, LakeError
from pipelines.runtime.streams.query_state import lag_of, state_rows_of, watermark_of
from pipelines.runtime.streams.streaming import RunningStream, StreamSpec, start_stream
from pipelines.runtime.watching.metrics import MetricsWriter
from pipelines.runtime.watching.reports import QueryState

log = structlog.get_logger(__name__)
ATTEMPTS = 5
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.5
_TELL_SECONDS = 2.0
_DRAIN_SECONDS = 30.0
_NO_RESTART_MENDS = ("KAFKA_DATA_LOSS", "OffsetOutOfRange", "PARTITIONS_DELETED", "partitions are gone")

Phase = Literal["starting", "running", "waiting", "failed", "stopped"]


@dataclass
class Watched:
    """One query under supervision."""

    spec: StreamSpec
    stream: RunningStream | None = None
    phase: Phase = "starting"
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    restarts: int = 0
    faults: int = 0
    poison_batch: int | None = None
    poison_attempts: int = 0
    last_error: str | None = None
    retry_at: float = 0.0

    def enter(self, phase: Phase) -> None:
        """Note the phase and when it began."""
        self.phase, self.since = phase, datetime.now(UTC)


class Supervisor:
    """Runs queries until told to stop. Raises `ClicklakeError` at the end when one was given up."""

    def __init__(
        self, spark: SparkSession, specs: Sequence[StreamSpec], names: Names, metrics: MetricsWriter
    ) -> None:
        self._spark = spark
        self._names = names
        self._metrics = metrics
        self._watched = [Watched(spec) for spec in specs]
        self._told = 0.0

    def start(self) -> None:
        """Start every query. Raises `LakeError` when one cannot be started at all."""
        for one in self._watched:
            self._start(one)
        log.info("streams_running", queries=[one.spec.name for one in self._watched])

    def run(self, stop: threading.Event) -> None:
        """Watch until `stop` is set or every query was given up; then drain what runs."""
        while not stop.wait(_POLL_SECONDS) and any(one.phase != "failed" for one in self._watched):
            for one in self._watched:
                self._look_after(one)
            self._tell()
        self._drain()
        given_up = [one for one in self._watched if one.phase == "failed"]
        if given_up:
            what = "; ".join(f"{one.spec.name}: {one.last_error}" for one in given_up)
            raise ClicklakeError(f"given up after faults that no restart mends: {what}")

    def _start(self, one: Watched) -> None:
        one.stream = start_stream(self._spark, one.spec, self._names, self._metrics, available_now=False)
        one.enter("running")

    def _look_after(self, one: Watched) -> None:
        if one.phase == "waiting" and time.monotonic() >= one.retry_at:
            self._restart(one)
        if one.phase != "running" or one.stream is None:
            return
        if one.stream.query.isActive:
            self._metrics.beat(one.spec.name)
            self._forgive(one)
        else:
            self._judge(one, one.stream)

    def _restart(self, one: Watched) -> None:
        one.restarts += 1
        try:
            self._start(one)
        except LakeError as error:
            self._give_up(one, str(error))
        except Exception as error:
            self._wait(one, f"{type(error).__name__}: {error}".splitlines()[0])
        else:
            log.info("query_restarted", query=one.spec.name, restarts=one.restarts)

    def _forgive(self, one: Watched) -> None:
        """Forget earlier faults once a batch has gone through."""
        if one.faults and one.stream is not None and one.stream.progress.committed is not None:
            one.faults, one.poison_batch, one.poison_attempts = 0, None, 0

    def _judge(self, one: Watched, stream: RunningStream) -> None:
        """Decide what follows from the end of a query."""
        failure = stream.failure() or "it ended by itself"
        error, batch = stream.progress.error, stream.progress.began
        if isinstance(error, LakeError) or any(word in failure for word in _NO_RESTART_MENDS):
            self._give_up(one, failure)
            return
        if error is not None:
            one.poison_attempts = one.poison_attempts + 1 if batch == one.poison_batch else 1
            one.poison_batch = batch
            if one.poison_attempts >= ATTEMPTS:
                self._give_up(one, f"batch {batch} failed {ATTEMPTS} times, at last: {failure}")
                return
        self._wait(one, failure)

    def _wait(self, one: Watched, failure: str) -> None:
        seconds = min(FIRST_WAIT_SECONDS * 2**one.faults, LONGEST_WAIT_SECONDS)
        one.faults += 1
        one.last_error, one.retry_at = failure, time.monotonic() + seconds
        one.enter("waiting")
        log.warning("query_failed", query=one.spec.name, why=failure, again_in_seconds=seconds)

    def _give_up(self, one: Watched, failure: str) -> None:
        one.last_error = failure
        one.enter("failed")
        log.error("query_given_up", query=one.spec.name, why=failure)

    def _drain(self) -> None:
        for one in self._watched:
            if one.stream is not None and one.phase == "running":
                one.stream.drain(wait_seconds=_DRAIN_SECONDS)
                failure = one.stream.failure()
                if failure is None:
                    one.enter("stopped")
                else:
                    self._give_up(one, failure)
                log.info("query_stopped", query=one.spec.name)
            elif one.phase == "waiting":
                self._give_up(one, one.last_error or "it was waiting to be started again")
        self._tell(now=True)

    def _tell(self, *, now: bool = False) -> None:
        if not now and time.monotonic() - self._told < _TELL_SECONDS:
            return
        self._told = time.monotonic()
        streams = {one.spec.name: one.stream for one in self._watched if one.stream is not None}
        for one in self._watched:
            self._metrics.state(_state(one, streams))


def _state(one: Watched, streams: dict[str, RunningStream]) -> QueryState:
    stream = one.stream
    waits = max(0.0, one.retry_at - time.monotonic())
    retry_at = datetime.now(UTC) + timedelta(seconds=waits) if one.phase == "waiting" else None
    return QueryState(
        query=one.spec.name,
        state=one.phase,
        since=one.since,
        seen_at=datetime.now(UTC),
        restarts=one.restarts,
        last_error=one.last_error,
        retry_at=retry_at,
        lag_records=lag_of(stream, streams) if stream else None,
        watermark=watermark_of(stream) if stream else None,
        state_rows=state_rows_of(stream) if stream else None,
    )
