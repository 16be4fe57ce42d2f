"""One Spark driver that runs the lake's streaming queries until told to stop, then drains."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress

from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from pipelines.connectors.delta import ensure_table
from pipelines.connectors.kafka import ensure_topics, planned_topics
from pipelines.connectors.names import Names
from pipelines.contracts.lake import all_tables
from pipelines.errors import ClicklakeError, ServiceError
from pipelines.runtime.embedded.endpoints import Endpoints
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.embedded.passwords import role_passwords
from pipelines.runtime.embedded.stack import endpoints
from pipelines.runtime.failpoints import arm
from pipelines.runtime.reading import record_reader
from pipelines.runtime.signals import stop_on
from pipelines.runtime.streams.queries import all_queries
from pipelines.runtime.streams.session import open_session
from pipelines.runtime.streams.site import Site
from pipelines.runtime.streams.streaming import RunningStream, StreamSpec, start_stream
from pipelines.runtime.streams.streams_file import StreamsFile
from pipelines.runtime.streams.supervisor import Supervisor
from pipelines.runtime.watching.metrics import MetricsWriter
from pipelines.settings import Settings

_POLL_SECONDS = 0.5
_LOCK_SECONDS = 5.0


AtRest = Callable[[SparkSession, Names], None]


def leave_as_is(_spark: SparkSession, _names: Names) -> None:
    """Do nothing more with a lake at rest."""


def nothing_first() -> None:
    """Do nothing before Spark is opened."""


def run_streams(
    settings: Settings,
    *,
    queries: Sequence[str] | None = None,
    available_now: bool,
    wait_seconds: float = 0,
    first: Callable[[], object] = nothing_first,
    at_rest: AtRest = leave_as_is,
) -> None:
    """Run the named queries (none: all) until SIGTERM or SIGINT, or with `available_now` until all is read.

    Waits `wait_seconds` for the services, while Spark starts; with 0 they must be there before. `first`
    is called once it is sure that nothing stands in the way, `at_rest` once all queries have stopped
    well, while the session still lives. Raises the failure of the first query that dies, after the
    others have been drained.
    """
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    queries = list(all_queries()) if queries is None else queries
    reader = record_reader(settings)
    arm(settings.failpoints, ledger=names.failpoint_ledger)
    stop = stop_on(signal.SIGTERM, signal.SIGINT)
    with _alone(names, queries):
        if not wait_seconds:
            endpoints(settings, names=names)
        first()
        spark = open_session(settings, names, app="clicklake")
        ensure_lake(spark, names)
        services = wait_for_endpoints(settings, names, seconds=wait_seconds, stop=stop)
        _ensure_topics(services.kafka, settings)
        site = Site(spark, settings, names, services, reader)
        specs = [query.build(site) for query in all_queries().values() if query.name in queries]
        roles = role_passwords(settings.postgres, names)
        with closing(MetricsWriter(services.postgres.address(), roles=roles)) as metrics:
            if available_now:
                _run_to_end(spark, specs, names, metrics)
            else:
                _run_until_stopped(spark, specs, names, metrics, stop)
        at_rest(spark, names)
        spark.stop()


@contextmanager
def _alone(names: Names, queries: Sequence[str]) -> Iterator[None]:
    """The time in which no other driver of this machine runs these queries. Raises `ServiceError`."""
    with ExitStack() as locks:
        for query in queries:
            path = names.var_dir / "run" / f"{query}.lock"
            locks.enter_context(held(path, limit_seconds=_LOCK_SECONDS))
        yield


def _ensure_topics(bootstrap: str, settings: Settings) -> None:
    """Create the topics that are not there: one that is missing would hold up all others."""
    limit, partitions = settings.kafka.max_message_bytes, settings.kafka.partitions
    topics = planned_topics(bound_topics(settings))
    ensure_topics(bootstrap, topics, partitions=partitions, max_message_bytes=limit)


def bound_topics(settings: Settings) -> list[str]:
    """The topics that are read through a mapping."""
    return [one.topic for one in settings.bindings]


def ensure_lake(spark: SparkSession, names: Names) -> None:
    """Create every table that is not there. Raises `LakeError` on one of another schema."""
    for spec in all_tables().values():
        ensure_table(spark, spec, names.table(spec.name))


def wait_for_endpoints(
    settings: Settings, names: Names, *, seconds: float, stop: threading.Event
) -> Endpoints:
    """Where the services answer. Raises `ServiceError` when they do not within `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return endpoints(settings, names=names)
        except ServiceError:
            if time.monotonic() > deadline or stop.wait(_POLL_SECONDS):
                raise


def _run_to_end(
    spark: SparkSession, specs: Sequence[StreamSpec], names: Names, metrics: MetricsWriter
) -> None:
    for spec in specs:
        stream = start_stream(spark, spec, names, metrics, available_now=True)
        with suppress(StreamingQueryException):
            stream.query.awaitTermination()
        stream.release()
        _raise_failure(stream)


def _run_until_stopped(
    spark: SparkSession,
    specs: Sequence[StreamSpec],
    names: Names,
    metrics: MetricsWriter,
    stop: threading.Event,
) -> None:
    supervisor = Supervisor(spark, specs, names, metrics)
    supervisor.start()
    with StreamsFile(names).held_by([spec.name for spec in specs]):
        supervisor.run(stop)


def _raise_failure(stream: RunningStream) -> None:
    fault = stream.fault()
    if fault is not None:
        raise ClicklakeError(f"the streaming query {stream.name} failed: {fault.why}")
