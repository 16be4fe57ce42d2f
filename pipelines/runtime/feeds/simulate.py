"""Runs the simulated shop into Kafka or a file, at the pace of the wall clock or as fast as it goes."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from pipelines.connectors.kafka import Producer, ensure_topics, planned_topics
from pipelines.connectors.names import Names
from pipelines.connectors.record_file import LineFile, RecordFile
from pipelines.contracts.delivery import RecordSink
from pipelines.contracts.fields import MICROS_PER_SECOND, Invalid, read_time
from pipelines.errors import SettingsError
from pipelines.runtime.embedded import endpoints
from pipelines.runtime.feeds.arrival_times import with_arrivals
from pipelines.runtime.feeds.feed import FeedReport, feed
from pipelines.settings import Settings
from pipelines.simulator import ShopConfig, Simulation, TruthSummary


@dataclass(frozen=True, kw_only=True)
class SimulationPlan:
    """What a simulation is asked to do; null leaves the setting or, of limits, none.

    `speed` null is as fast as possible. `start` is ISO 8601; by default it is chosen so that the
    last event happens at the wall clock: now at speed 1, the run's own length before now at full
    speed. `out` takes the place of Kafka.
    """

    rate: float | None = None
    duration_seconds: float | None = None
    events: int | None = None
    seed: int | None = None
    users: int | None = None
    speed: float | None = 1.0
    start: str | None = None
    avro_share: float = 0.0
    out: Path | None = None
    truth: Path | None = None

    def check(self, settings: Settings) -> None:
        """Raise `SettingsError`, before anything starts, when the plan cannot be carried out."""
        self.config(settings, now=0)
        if self.speed is None and self.duration_seconds is None and self.events is None:
            raise SettingsError("--speed max never ends by itself: give --duration or --events.")

    def config(self, settings: Settings, *, now: int) -> ShopConfig:
        """The shop, when the wall clock says `now` (UTC microseconds). Raises `SettingsError`."""
        simulator = settings.simulator
        rate = simulator.rate if self.rate is None else self.rate
        optional = {} if self.users is None else {"users": self.users}
        return ShopConfig(
            seed=simulator.seed if self.seed is None else self.seed,
            rate=rate,
            start=self._start(now, rate),
            horizon_seconds=self.duration_seconds,
            max_records=self.events,
            late_share=simulator.late_share,
            duplicate_share=simulator.duplicate_share,
            broken_share=simulator.broken_share,
            avro_share=self.avro_share,
            **optional,
        )

    def _start(self, now: int, rate: float) -> int:
        if self.start is not None:
            try:
                return read_time(self.start, "--start")
            except Invalid:
                raise SettingsError(
                    f"--start {self.start}: give a time such as 2026-01-31T12:00:00Z."
                ) from None
        spans = [] if self.duration_seconds is None else [self.duration_seconds]
        if self.events is not None and rate > 0:
            spans.append(self.events / rate)
        if not spans or self.speed == 1:
            return now
        share_before_now = 1.0 if self.speed is None else 1 - 1 / self.speed
        return now - int(max(min(spans) * share_before_now, 0) * MICROS_PER_SECOND)


@dataclass(frozen=True)
class SimulationReport:
    """What was sent, and the truth about it."""

    fed: FeedReport
    truth: TruthSummary

    def as_data(self) -> dict[str, Any]:
        """The report as JSON data."""
        return {**self.fed.as_data(), "truth": self.truth.as_data()}


def run_simulation(
    settings: Settings,
    plan: SimulationPlan,
    *,
    stop: Event,
    progress: Callable[[FeedReport], None] | None = None,
) -> SimulationReport:
    """Send the shop's records until the plan's end or `stop`. A lost broker is told in the report.

    Raises `SettingsError` for a plan that cannot be carried out and `ServiceError` when Kafka is
    not there to begin with.
    """
    plan.check(settings)
    with ExitStack() as open_things:
        sink: RecordSink
        if plan.out is not None:
            sink = open_things.enter_context(RecordFile(plan.out))
        else:
            sink = open_things.enter_context(_kafka(settings))
        on_truth = None if plan.truth is None else open_things.enter_context(LineFile(plan.truth)).write
        config = plan.config(settings, now=time.time_ns() // 1_000)
        simulation = Simulation(config, on_truth=on_truth)
        deliveries = simulation.deliveries()
        if plan.speed != 1:
            deliveries = with_arrivals(deliveries, start=config.start)
        fed = feed(deliveries, sink, speed=plan.speed, stop=stop, progress=progress)
    return SimulationReport(fed=fed, truth=simulation.truth)


def _kafka(settings: Settings) -> Producer:
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    bootstrap = endpoints(settings, names=names).kafka
    kafka = settings.kafka
    ensure_topics(
        bootstrap,
        planned_topics(),
        partitions=kafka.partitions,
        max_message_bytes=kafka.max_message_bytes,
    )
    return Producer(bootstrap, max_message_bytes=kafka.max_message_bytes)
