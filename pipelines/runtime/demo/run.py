"""The demo's course: services, driver, page, feed, drain, check, report."""

import http.client
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.connectors.kafka import ensure_topics, planned_topics
from pipelines.connectors.names import Names
from pipelines.errors import ServiceError
from pipelines.runtime.demo.children import Child
from pipelines.runtime.demo.plan import DemoPlan
from pipelines.runtime.demo.progress import Tally, backlog, tally
from pipelines.runtime.doctor import require
from pipelines.runtime.embedded.endpoints import Endpoints
from pipelines.runtime.embedded.jars import ensure_jars
from pipelines.runtime.embedded.processes import tail
from pipelines.runtime.embedded.progress import Progress
from pipelines.runtime.embedded.stack import running_stack
from pipelines.runtime.streams.queries.land_bronze import landed_topics
from pipelines.runtime.streams.streams_file import StreamsFile
from pipelines.settings import Settings

_POLL_SECONDS = 1.0
_ANSWER_SECONDS = 10
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
        self._plan = plan
        self._environment = environment
        self._stop = stop
        self._tell = tell
        self._show = show
        self._names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
        self._check_file = self._names.var_dir / "run" / "conservation.json"
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
        run_streams = (
            "run",
            "stream_lake",
            "--wait",
            str(_STREAMS_SECONDS),
            "--check",
            str(self._check_file),
        )
        with (
            self._child("streams", *run_streams) as streams,
            running_stack(self._settings, names=self._names, progress=self._tell) as services,
        ):
            self._mark("services_ready")
            conclude(self._with_services(started_at, services, streams))

    def _with_services(self, started_at: datetime, services: Endpoints, streams: Child) -> DemoRun:
        kafka = self._settings.kafka
        topics = planned_topics(one.topic for one in self._settings.bindings)
        ensure_topics(
            services.kafka, topics, partitions=kafka.partitions, max_message_bytes=kafka.max_message_bytes
        )
        with self._child("page", "serve") as page:
            url = self._wait_for_page(page)
            self._wait_for_streams(streams)
            with self._child("feed", *self._plan.feed_command()) as feed:
                self._watch(feed, streams, services, started_at)
                left_behind = self._drain(streams, services, started_at)
            page_answers = _answers(url)
            self._tell("check", "comparing every bronze position with its fate")
            streams.stop(grace_seconds=_CHECK_SECONDS)
            self._mark("checked")
            return DemoRun(
                started_at=started_at,
                services=services,
                page=url,
                page_answers=page_answers,
                feed=_json_or_empty(feed.last_line()),
                feed_exit_code=feed.exit_code if feed.exit_code is not None else 1,
                feed_said=tail(feed.log, lines=1) if feed.exit_code else "",
                left_behind=left_behind,
                conservation=_json_or_empty(_text(self._check_file)),
                seconds=self._seconds,
            )

    def _wait_for_page(self, page: Child) -> str:
        file = self._names.var_dir / "run" / "serve.json"
        found: dict[str, Any] = {}

        def there() -> bool:
            page.require_running()
            found.update(_read_fresh(file, page))
            return "url" in found

        self._await(there, _PAGE_SECONDS, "the page did not start")
        self._mark("page_ready")
        self._tell("page", f"look at {found['url']}")
        return str(found["url"])

    def _wait_for_streams(self, streams: Child) -> None:
        self._tell("streams", "Spark is starting")

        def there() -> bool:
            streams.require_running()
            return StreamsFile(self._names).running() is not None

        self._await(there, _STREAMS_SECONDS, "the streams did not start")
        self._mark("streams_ready")
        self._tell("streams", "running")

    def _watch(self, feed: Child, streams: Child, services: Endpoints, started_at: datetime) -> None:
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

    def _drain(self, streams: Child, services: Endpoints, started_at: datetime) -> dict[str, int]:
        """Wait until silver covers all of Kafka; what is left when it takes too long."""
        self._tell("streams", "landing what is left")
        deadline = time.monotonic() + _DRAIN_SECONDS
        topics = landed_topics([one.topic for one in self._settings.bindings])
        while True:
            left = backlog(self._names, services.kafka, topics)
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


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 - our own page
            return bool(answer.status == http.client.OK)
    except OSError:
        return False


def _read_fresh(file: Path, page: Child) -> dict[str, Any]:
    if not file.is_file():
        return {}
    content = _json_or_empty(file.read_text())
    return content if content.get("pid") == page.pid else {}


def _text(file: Path) -> str:
    return file.read_text() if file.is_file() else ""


def _json_or_empty(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
