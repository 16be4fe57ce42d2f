"""The demo's course: services, driver, page, feed, drain, check, report."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pipelines.connectors.kafka import ensure_topics, planned_topics
from pipelines.connectors.names import Names
from pipelines.contracts.positions import Vector
from pipelines.errors import ServiceError
from pipelines.runtime.demo.answers import page_answers, read_fresh, read_json, read_json_file
from pipelines.runtime.demo.children import Child
from pipelines.runtime.demo.comparisons import Comparisons, compare_all
from pipelines.runtime.demo.drills import CRASHES, drill_report, with_crashes
from pipelines.runtime.demo.plan import DemoPlan
from pipelines.runtime.demo.progress import (
    Tally,
    attribution_backlog,
    backlog,
    features_backlog,
    silver_positions,
    tally,
)
from pipelines.runtime.demo.streams_child import StreamsChild
from pipelines.runtime.doctor import require
from pipelines.runtime.embedded.endpoints import Endpoints
from pipelines.runtime.embedded.jars import ensure_jars
from pipelines.runtime.embedded.processes import tail
from pipelines.runtime.embedded.progress import Progress
from pipelines.runtime.embedded.stack import running_stack
from pipelines.runtime.failpoints import fired
from pipelines.runtime.streams.queries.attribute_orders import read_topics
from pipelines.runtime.streams.queries.land_bronze import landed_topics
from pipelines.runtime.streams.streams_file import StreamsFile
from pipelines.settings import Settings

_POLL_SECONDS = 1.0
_STREAMS_SECONDS = 180.0
_PAGE_SECONDS = 60.0
_DRAIN_SECONDS = 300.0
_CHILD_GRACE_SECONDS = 45.0
_CHECK_SECONDS = 300.0


@dataclass(frozen=True)
class DemoRun:
    """What a finished demo leaves for its report."""

    started_at: datetime
    services: Endpoints
    page: str
    page_answers: bool
    feed: Mapping[str, Any]
    feed_exit_code: int
    feed_said: str
    left_behind: Mapping[str, int]
    conservation: Mapping[str, Any]
    compared: Comparisons
    drills: Mapping[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)


class Demo:
    """One run. `tell` gets (subject, text) while things start, `show` a tally while they run."""

    def __init__(
        self,
        settings: Settings,
        plan: DemoPlan,
        *,
        environment: Mapping[str, str],
        stop: threading.Event,
        tell: Progress,
        show: Callable[[float, Tally | None], None],
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._stop = stop
        self._tell = tell
        self._show = show
        self._names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
        self._plan = plan if plan.files else replace(plan, truth=self._names.demo_truth)
        self._check_file = self._names.var_dir / "run" / "conservation.json"
        self._covered_before: Vector = {}
        self._started = time.monotonic()
        self._seconds: dict[str, float] = {}

    def run(self, conclude: Callable[[DemoRun], None]) -> None:
        """Run all of it; `conclude` makes the report while the services still answer."""
        self._plan.check()
        require(self._settings, names=self._names)
        started_at = datetime.now(UTC)
        ensure_jars("spark", names=self._names, progress=self._tell)
        StreamsFile(self._names).forget()
        self._check_file.unlink(missing_ok=True)
        self._names.failpoint_ledger.unlink(missing_ok=True)
        self._names.demo_truth.unlink(missing_ok=True)
        self._covered_before = silver_positions(self._names)
        with (
            self._streams() as streams,
            running_stack(self._settings, names=self._names, progress=self._tell) as services,
        ):
            self._mark("services_ready")
            conclude(self._with_services(started_at, services, streams))

    def _with_services(self, started_at: datetime, services: Endpoints, streams: StreamsChild) -> DemoRun:
        self._ensure_topics(services)
        with self._child("page", "serve") as page:
            url = self._wait_for_page(page)
            self._wait_for_streams(streams)
            with self._child("feed", *self._plan.feed_command()) as feed:
                self._watch(feed, streams, services, started_at)
                left_behind = self._drain(streams, services, started_at)
            answers = page_answers(url)
            compared = self._check(streams, services)
            return DemoRun(
                started_at=started_at,
                services=services,
                page=url,
                page_answers=answers,
                feed=read_json(feed.last_line()),
                feed_exit_code=feed.exit_code if feed.exit_code is not None else 1,
                feed_said=tail(feed.log, lines=1) if feed.exit_code else "",
                left_behind=left_behind,
                conservation=read_json_file(self._check_file),
                compared=compared,
                drills=self._drills(streams),
                seconds=self._seconds,
            )

    def _ensure_topics(self, services: Endpoints) -> None:
        kafka = self._settings.kafka
        topics = planned_topics(one.topic for one in self._settings.bindings)
        ensure_topics(
            services.kafka, topics, partitions=kafka.partitions, max_message_bytes=kafka.max_message_bytes
        )

    def _check(self, streams: StreamsChild, services: Endpoints) -> Comparisons:
        """Compare lake and book with the oracles, and stop the driver, which then checks conservation."""
        found = compare_all(
            self._settings,
            services,
            since=self._covered_before,
            truth=self._plan.truth,
            settling=self._child("settlement", "run", "settle_attribution", "--all"),
            stop_streams=lambda: streams.stop(grace_seconds=_CHECK_SECONDS),
            tell=self._tell,
        )
        self._mark("checked")
        return found

    def _drills(self, streams: StreamsChild) -> dict[str, Any]:
        armed = CRASHES if self._plan.crashes else ()
        return drill_report(armed, fired(self._names.failpoint_ledger), restarts=streams.restarts)

    @contextmanager
    def _streams(self) -> Iterator[StreamsChild]:
        arguments = ("run", "stream_lake", "--wait", str(_STREAMS_SECONDS), "--check", str(self._check_file))
        crashes = self._plan.crashes
        environment = with_crashes(self._environment) if crashes else self._environment

        def start(restarts: int) -> Child:
            name = f"streams-{restarts + 1}" if restarts else "streams"
            if restarts:
                self._tell("streams", "the driver was killed by the drill; it is started again")
            return Child(name, arguments, environment=environment, logs=self._names.logs)

        streams = StreamsChild(start, forgiving=crashes)
        try:
            yield streams
        finally:
            streams.stop(grace_seconds=_CHILD_GRACE_SECONDS)

    def _wait_for_page(self, page: Child) -> str:
        file = self._names.var_dir / "run" / "serve.json"
        found: dict[str, Any] = {}

        def there() -> bool:
            page.require_running()
            found.update(read_fresh(file, pid=page.pid))
            return "url" in found

        self._await(there, _PAGE_SECONDS, "the page did not start")
        self._mark("page_ready")
        self._tell("page", f"look at {found['url']}")
        return str(found["url"])

    def _wait_for_streams(self, streams: StreamsChild) -> None:
        self._tell("streams", "Spark is starting")

        def there() -> bool:
            streams.require_running()
            return StreamsFile(self._names).running() is not None

        self._await(there, _STREAMS_SECONDS, "the streams did not start")
        self._mark("streams_ready")
        self._tell("streams", "running")

    def _watch(self, feed: Child, streams: StreamsChild, services: Endpoints, started_at: datetime) -> None:
        began = time.monotonic()
        limit = self._plan.duration_seconds
        while feed.running and not self._stop.wait(_POLL_SECONDS):
            streams.require_running()
            elapsed = time.monotonic() - began
            if limit is not None and elapsed > limit:
                break
            self._show(elapsed, tally(services.postgres.address(), since=started_at))
        feed.stop(grace_seconds=_CHILD_GRACE_SECONDS)
        self._mark("fed")

    def _drain(self, streams: StreamsChild, services: Endpoints, started_at: datetime) -> dict[str, int]:
        """Wait until silver, attribution and features cover all of Kafka; what is left if they do not."""
        self._tell("streams", "landing what is left")
        deadline = time.monotonic() + _DRAIN_SECONDS
        bound = [one.topic for one in self._settings.bindings]
        while True:
            left = backlog(self._names, services.kafka, landed_topics(bound))
            address = services.postgres.address()
            left["attribution"] = attribution_backlog(address, services.kafka, read_topics(bound))
            left["features"] = features_backlog(address, self._names)
            if not any(left.values()) or time.monotonic() > deadline:
                self._mark("drained")
                return left
            streams.require_running()
            self._show(time.monotonic() - self._started, tally(services.postgres.address(), since=started_at))
            time.sleep(_POLL_SECONDS)

    @contextmanager
    def _child(self, name: str, *arguments: str) -> Iterator[Child]:
        child = Child(name, arguments, environment=self._environment, logs=self._names.logs)
        try:
            yield child
        finally:
            child.stop(grace_seconds=_CHILD_GRACE_SECONDS)

    def _await(self, condition: Callable[[], bool], seconds: float, failure: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise ServiceError(f"{failure} within {seconds:.0f} s; see the logs in {self._names.logs}.")
            if self._stop.wait(0.1):
                raise ServiceError("stopped before anything was fed.")

    def _mark(self, what: str) -> None:
        self._seconds[what] = round(time.monotonic() - self._started, 1)
