"""The route of VIPs in a driver of its own: a query that holds its slots for good starves no neighbour."""

import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

from pyspark.sql import DataFrame, SparkSession

from pipelines.connectors.kafka import end_offsets, ensure_topics, planned_topics
from pipelines.connectors.names import ROUTE_VIPS, Names
from pipelines.errors import PrerequisiteError, SettingsError
from pipelines.gold.vips.messages import action_schema, function_type
from pipelines.runtime.embedded.endpoints import Endpoints
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.signals import stop_on
from pipelines.runtime.streams.driver import wait_for_endpoints
from pipelines.runtime.streams.session import open_session
from pipelines.runtime.vips.function import check_sql, load_function
from pipelines.runtime.vips.levels import Levels
from pipelines.runtime.vips.route import (
    SOURCE_TOPIC,
    SPARE_SLOTS,
    output_of,
    route_settings,
    routed,
    start_route,
)
from pipelines.runtime.vips.supervised import SupervisedRoute
from pipelines.runtime.vips.visits import VisitKeeper
from pipelines.runtime.watching.metrics import MetricsWriter
from pipelines.settings import Settings

_LOCK_SECONDS = 5.0
_JOIN_SECONDS = 10.0


def run_route(settings: Settings, *, micro_batch: bool, wait_seconds: float = 0) -> None:
    """Route VIPs' clicks until SIGTERM or SIGINT. Waits `wait_seconds` for the services.

    Raises `SettingsError` before anything starts on a function that cannot be used, and `ClicklakeError`
    when the query fails in a way that no restart mends.
    """
    check_settings(settings, micro_batch=micro_batch)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    stop = stop_on(signal.SIGTERM, signal.SIGINT)
    with held(names.var_dir / "run" / f"{ROUTE_VIPS}.lock", limit_seconds=_LOCK_SECONDS):
        services = wait_for_endpoints(settings, names, seconds=wait_seconds, stop=stop)
        partitions = _prepared(services.kafka, settings)
        spark = open_session(route_settings(settings, names, partitions=partitions), names, app=ROUTE_VIPS)
        _require_slots(spark, partitions)
        levels = Levels(spark, names, settings.vip.levels)
        levels.refresh()
        rows = routed(spark, levels.table(), bootstrap=services.kafka, micro_batch=micro_batch)
        check_sql(rows, output_of(settings))
        with (
            closing(MetricsWriter(services.postgres.address())) as metrics,
            _beside(levels, _visits(rows, settings, services)),
        ):
            start = partial(
                start_route, rows, names, settings, bootstrap=services.kafka, micro_batch=micro_batch
            )
            SupervisedRoute(spark, start, metrics).run(stop)
        spark.stop()


def check_settings(settings: Settings, *, micro_batch: bool) -> None:
    """Raise `SettingsError` on what can be known to fail without Spark."""
    vip = settings.vip
    if vip.python_function is not None:
        if not micro_batch:
            raise SettingsError(
                "vip.python_function: Real-Time Mode runs no Python: start the job with --micro-batch, or "
                "use vip.function, an SQL expression."
            )
        load_function(vip.python_function)
    if settings.privacy.key is not None and "user_id" in settings.privacy.fields:
        raise SettingsError(
            "privacy.fields: the VIP route joins clicks as they were sent with silver.users, where user_id "
            "is a pseudonym: take user_id out of privacy.fields, or do without the route."
        )


def _prepared(bootstrap: str, settings: Settings) -> int:
    """Make the topics that are not there; how many partitions the source has."""
    extra = [settings.vip.output_topic]
    if settings.vip.python_function is not None:
        extra.append(settings.vip.python_topic)
    topics = {plan.name: plan for plan in planned_topics(extra)}
    limit, partitions = settings.kafka.max_message_bytes, settings.kafka.partitions
    ensure_topics(bootstrap, list(topics.values()), partitions=partitions, max_message_bytes=limit)
    return len(end_offsets(bootstrap, [SOURCE_TOPIC]))


def _require_slots(spark: SparkSession, partitions: int) -> None:
    """A submitted driver brings its own master: Real-Time Mode would wait for ever for a slot."""
    slots = spark.sparkContext.defaultParallelism
    if (spark.sparkContext.master or "").startswith("local") and slots < partitions + SPARE_SLOTS:
        raise PrerequisiteError(
            f"The route holds one slot for each of the {partitions} partitions of {SOURCE_TOPIC} and needs "
            f"{SPARE_SLOTS} more: give spark-submit --master local[{partitions + SPARE_SLOTS}]."
        )


def _visits(rows: DataFrame, settings: Settings, services: Endpoints) -> VisitKeeper:
    vip = settings.vip
    schema = action_schema(function_type(rows, vip.function) if vip.function else None)
    return VisitKeeper(services.kafka, services.postgres.address(), topic=vip.output_topic, schema=schema)


@contextmanager
def _beside(levels: Levels, visits: VisitKeeper) -> Iterator[None]:
    """The time in which levels are kept, and visits for the dashboard, each in a thread."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=levels.keep, args=(stop,), name="vip-levels", daemon=True),
        threading.Thread(target=visits.keep, args=(stop,), name="vip-visits", daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(_JOIN_SECONDS)
