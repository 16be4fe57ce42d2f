"""Keeps the streaming queries of one driver running: restarts with back-off, gives up on poison, drains.

A fault outside a batch (the broker away, a lost connection) is tried again for ever, waiting longer
each time. A batch that fails again and again is poison: after `ATTEMPTS` its query is stopped for
good, and the others go on. What no restart can mend (a lost checkpoint, records that Kafka has
deleted) stops the query at once. When Spark itself has ended all are given up, so that the driver
ends and whoever runs it can start it again. Records that the parser cannot read never come here: they
are dead letters.
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
from pipelines.runtime.backoff import pause_after
from pipelines.runtime.streams.faults import ENDED_BY_ITSELF, Fault, one_line
from pipelines.runtime.streams.query_state import lag_of, state_rows_of, watermark_of
from pipelines.runtime.streams.session import is_up
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
_SPARK_ENDED = "Spark itself has ended beneath the query; start the driver again"

Phase = Literal["starting", "running", "waiting", "failed", "stopped"]


@dataclass(eq=False)
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
        """Start every query; one whose lake is not in order is given up. Raises what else is wrong."""
        for one in self._watched:
            try:
                self._start(one)
            except LakeError as error:
                self._give_up(one, str(error))
            except Exception:
                self._drain()
                raise
        log.info("streams_running", queries=[one.spec.name for one in self._in("running")])

    def run(self, stop: threading.Event) -> None:
        """Watch until `stop` is set or every query was given up; then drain what runs."""
        while len(self._in("failed")) < len(self._watched) and not stop.wait(_POLL_SECONDS):
            self._look_after_all()
        given_up = self._in("failed")
        self._drain()
        down = [one for one in self._in("failed") if one not in given_up]
        said = _said("given up after faults that no restart mends", given_up)
        said += _said("down when the driver was stopped", down)
        if said:
            raise ClicklakeError("; ".join(said))

    def _in(self, phase: Phase) -> list[Watched]:
        return [one for one in self._watched if one.phase == phase]

    def _start(self, one: Watched) -> None:
        one.stream = start_stream(self._spark, one.spec, self._names, self._metrics, available_now=False)
        one.enter("running")

    def _look_after_all(self) -> None:
        if is_up(self._spark):
            for one in self._watched:
                self._look_after(one)
        else:
            for one in self._in("running") + self._in("waiting"):
                one.stream = None  # it can no longer be asked
                self._give_up(one, _SPARK_ENDED)
        self._tell()

    def _look_after(self, one: Watched) -> None:
        if one.phase == "waiting" and time.monotonic() >= one.retry_at:
            self._restart(one)
        if one.phase != "running" or one.stream is None:
            return
        if one.stream.query.isActive:
            self._metrics.beat(one.spec.name)
            self._forgive(one, one.stream)
        else:
            self._judge(one, one.stream)

    def _restart(self, one: Watched) -> None:
        try:
            self._start(one)
        except LakeError as error:
            self._give_up(one, str(error))
        except Exception as error:
            self._wait(one, one_line(error))
        else:
            one.restarts += 1
            log.info("query_restarted", query=one.spec.name, restarts=one.restarts)

    def _forgive(self, one: Watched, stream: RunningStream) -> None:
        """Forget earlier faults once a trigger, and of a poisoned batch once a batch, has gone through."""
        if stream.progress.committed is not None:
            one.poison_batch, one.poison_attempts = None, 0
        if one.faults and (stream.progress.committed is not None or stream.has_triggered):
            one.faults = 0

    def _judge(self, one: Watched, stream: RunningStream) -> None:
        """Decide what follows from the end of a query."""
        fault = stream.fault() or ENDED_BY_ITSELF
        stream.release()
        if fault.kind == "lasting":
            self._give_up(one, fault.why)
        elif fault.kind == "batch" and self._is_poison(one, stream.progress.began):
            self._give_up(one, f"batch {one.poison_batch} failed {ATTEMPTS} times, at last: {fault.why}")
        else:
            self._wait(one, fault.why)

    def _is_poison(self, one: Watched, batch: int | None) -> bool:
        """Whether that was the last attempt at this batch."""
        one.poison_attempts = one.poison_attempts + 1 if batch == one.poison_batch else 1
        one.poison_batch = batch
        return one.poison_attempts >= ATTEMPTS

    def _wait(self, one: Watched, failure: str) -> None:
        one.faults += 1
        seconds = pause_after(one.faults, first=FIRST_WAIT_SECONDS, longest=LONGEST_WAIT_SECONDS)
        one.last_error, one.retry_at = failure, time.monotonic() + seconds
        one.enter("waiting")
        log.warning("query_failed", query=one.spec.name, why=failure, again_in_seconds=seconds)

    def _give_up(self, one: Watched, failure: str) -> None:
        one.last_error = failure
        one.enter("failed")
        log.error("query_given_up", query=one.spec.name, why=failure)

    def _drain(self) -> None:
        """Stop all queries after their running batches; what is down by then is told as failed."""
        running = [(one, one.stream) for one in self._in("running") if one.stream is not None]
        deadline = time.monotonic() + _DRAIN_SECONDS
        for _, stream in running:
            stream.gate.shut(wait_seconds=0)
        for one, stream in running:
            fault = _drained(stream, wait_seconds=max(0.0, deadline - time.monotonic()))
            one.last_error = one.last_error if fault is None else fault.why
            one.enter("stopped" if fault is None else "failed")
            log.info("query_stopped", query=one.spec.name, why=fault.why if fault else "drained")
        for one in self._in("waiting"):
            one.enter("failed")
        self._tell(now=True)

    def _tell(self, *, now: bool = False) -> None:
        if not now and time.monotonic() - self._told < _TELL_SECONDS:
            return
        self._told = time.monotonic()
        streams = {one.spec.name: one.stream for one in self._watched if one.stream is not None}
        for one in self._watched:
            self._metrics.state(_state(one, streams))


def _said(what: str, those: Sequence[Watched]) -> list[str]:
    errors = "; ".join(f"{one.spec.name}: {one.last_error}" for one in those)
    return [f"{what}: {errors}"] if those else []


def _drained(stream: RunningStream, *, wait_seconds: float) -> Fault | None:
    """Drain it; what it failed with, if it did. One that cannot be stopped does not keep others from it."""
    try:
        stream.drain(wait_seconds=wait_seconds)
        return stream.fault()
    except Exception as error:
        return Fault(one_line(error), "outside")


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
