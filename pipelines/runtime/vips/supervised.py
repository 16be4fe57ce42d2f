"""The route's query under supervision: started again after faults, told to the page."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from pipelines.connectors.names import ROUTE_VIPS
from pipelines.errors import ClicklakeError
from pipelines.runtime.backoff import pause_after
from pipelines.runtime.streams.faults import ENDED_BY_ITSELF, Fault, fault_of
from pipelines.runtime.streams.session import is_up
from pipelines.runtime.watching.metrics import MetricsWriter
from pipelines.runtime.watching.reports import QueryState

_log = structlog.get_logger(__name__)
_POLL_SECONDS = 0.5
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60.0
_SPARK_ENDED = Fault("Spark itself has ended", "lasting")


class SupervisedRoute:
    """Keeps one query running. `start` starts it."""

    def __init__(
        self, spark: SparkSession, start: Callable[[], StreamingQuery], metrics: MetricsWriter
    ) -> None:
        self._spark = spark
        self._start = start
        self._metrics = metrics
        self._restarts = 0
        self._last_error: str | None = None

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set. Raises `ClicklakeError` on a fault that no restart mends."""
        failures = 0
        while True:
            query = self._start()
            self._tell("running")
            fault = self._watched(query, stop)
            if fault is None:
                return
            failures = 1 if _has_worked(query) else failures + 1
            self._last_error = fault.why
            if fault.kind == "lasting":
                self._tell("failed")
                raise ClicklakeError(f"the route of VIPs failed, and no restart mends it: {fault.why}")
            wait = pause_after(failures, first=_FIRST_WAIT_SECONDS, longest=_LONGEST_WAIT_SECONDS)
            self._tell("waiting", wait)
            _log.warning("query_failed", query=ROUTE_VIPS, why=fault.why, again_in_seconds=wait)
            if stop.wait(wait):
                self._tell("failed")
                raise ClicklakeError(f"the route of VIPs was down when it was stopped: {fault.why}")
            self._restarts += 1

    def _watched(self, query: StreamingQuery, stop: threading.Event) -> Fault | None:
        """Watch until it ends, with its fault, or until `stop`, with none."""
        _log.info("route_running", query=ROUTE_VIPS)
        while not stop.wait(_POLL_SECONDS):
            if not is_up(self._spark):
                return _SPARK_ENDED
            if not query.isActive:
                ended = query.exception()
                return fault_of(None, ended) if ended is not None else ENDED_BY_ITSELF
            self._metrics.beat(ROUTE_VIPS)
        # Its tasks run until they are interrupted, and Spark would print what each has to say to that.
        self._spark.sparkContext.setLogLevel("OFF")
        query.stop()
        self._tell("stopped")
        return None

    def _tell(self, state: str, wait: float | None = None) -> None:
        now = datetime.now(UTC)
        retry_at = None if wait is None else now + timedelta(seconds=wait)
        self._metrics.state(
            QueryState(
                ROUTE_VIPS,
                state,  # type: ignore[arg-type]
                since=now,
                seen_at=now,
                restarts=self._restarts,
                last_error=self._last_error,
                retry_at=retry_at,
            )
        )


def _has_worked(query: StreamingQuery) -> bool:
    """Whether a batch has gone through since its start."""
    return query.lastProgress is not None
