"""Starting a streaming query whose batches are processed once, and reporting each of them."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Protocol, runtime_checkable

import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from pipelines.connectors.delta import coverages
from pipelines.connectors.delta_writer import DeltaWriter
from pipelines.connectors.names import Names
from pipelines.contracts.lake import DEAD_LETTERS
from pipelines.contracts.positions import Vector, furthest
from pipelines.runtime.failpoints import failpoint
from pipelines.runtime.streams.batches import BatchContext, BatchSummary
from pipelines.runtime.streams.checkpoint import query_id, refuse_unfit
from pipelines.runtime.streams.faults import Fault, fault_of
from pipelines.runtime.streams.gate import Gate
from pipelines.runtime.watching.metrics import MetricsWriter
from pipelines.runtime.watching.reports import BatchReport, DeadLetterExample

log = structlog.get_logger(__name__)

BatchProcess = Callable[[DataFrame, BatchContext], BatchSummary | None]
"""Writes one batch and sums it up; none when it is empty."""


@runtime_checkable
class HoldsServices(Protocol):
    """A process with connections of its own, which are let go when its run is over."""

    def close(self) -> None:
        """Let go of them."""
        ...


@dataclass(frozen=True)
class StreamSpec:
    """A streaming query: its source, its tables, and what it does with its batches.

    `begin` is called at each start and gives the process of that run, with a memory of its own.
    `fed_by` names the query whose tables it reads; one without reads Kafka. `conf` are Spark's settings
    for this query alone; those of its state are kept by its checkpoint.
    """

    name: str
    source: DataFrame
    tables: tuple[str, ...]
    begin: Callable[[], BatchProcess]
    trigger_seconds: float
    fed_by: str | None = None
    conf: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Progress:
    """How far a run of a query has come; `error` is what its own batch raised."""

    covered: Vector
    began: int | None = None
    committed: int | None = None
    remembered: int | None = None
    error: BaseException | None = None


def nothing_held() -> None:
    """Let go of nothing."""


@dataclass(frozen=True)
class RunningStream:
    """A started query. `release`, called once it has ended, lets go of what its process holds."""

    query: StreamingQuery
    spec: StreamSpec
    gate: Gate
    progress: Progress = field(repr=False)
    release: Callable[[], None] = nothing_held

    @property
    def name(self) -> str:
        """The query's name."""
        return self.spec.name

    def drain(self, *, wait_seconds: float) -> None:
        """Stop after the running batch: what was begun is committed."""
        self.gate.shut(wait_seconds=wait_seconds)
        self.query.stop()
        self.release()

    @property
    def has_triggered(self) -> bool:
        """Whether a trigger of this run has gone through, with or without records."""
        return self.query.lastProgress is not None

    def fault(self) -> Fault | None:
        """What ended the query, or none when it runs, was drained, or was stopped."""
        found = self.query.exception()
        if found is None or self.gate.has_refused:
            return None
        return fault_of(self.progress.error, found)


def start_stream(
    spark: SparkSession, spec: StreamSpec, names: Names, metrics: MetricsWriter, *, available_now: bool
) -> RunningStream:
    """Start the query. Raises `LakeError` when its checkpoint is gone or older than its tables."""
    checkpoint = names.checkpoint(spec.name)
    written = coverages(spark, [names.table(table) for table in spec.tables], query=spec.name)
    refuse_unfit(spark, checkpoint, written, query=spec.name)
    covered = furthest(one.positions for one in written if one.complete)
    spark.sparkContext.setLocalProperty("spark.scheduler.pool", spec.name)
    gate, progress = Gate(), Progress(covered)
    batches = _Batches(
        spec, DeltaWriter(spark, names), progress, metrics, partial(query_id, spark, checkpoint)
    )

    def handle(batch: DataFrame, batch_id: int) -> None:
        with gate.passing():
            batches.process(batch, batch_id)

    writer = spec.source.writeStream.queryName(spec.name).option("checkpointLocation", checkpoint)
    writer = (
        writer.trigger(availableNow=True)
        if available_now
        else writer.trigger(processingTime=f"{spec.trigger_seconds} seconds")
    )
    with _set(spark, spec.conf):
        query = writer.foreachBatch(handle).start()
    return RunningStream(query, spec, gate, progress, batches.release)


@contextmanager
def _set(spark: SparkSession, conf: Mapping[str, str]) -> Iterator[None]:
    """The time in which a query starts: it keeps the settings that it finds then."""
    before = {key: spark.conf.get(key, None) for key in conf}
    for key, value in conf.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, old in before.items():
            if old is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, old)


class _Batches:
    """The batches of one run of a query, one after the other."""

    def __init__(
        self,
        spec: StreamSpec,
        writer: DeltaWriter,
        progress: Progress,
        metrics: MetricsWriter,
        query_id: Callable[[], str],
    ) -> None:
        self._name = spec.name
        self._process = spec.begin()
        self._writer = writer
        self._progress = progress
        self._metrics = metrics
        self._query_id = cache(query_id)

    def release(self) -> None:
        """Let go of what the process holds; another run has a process of its own."""
        process: object = self._process
        if isinstance(process, HoldsServices):
            try:
                process.close()
            except Exception as error:
                log.warning("query_not_released", query=self._name, why=str(error))

    def process(self, batch: DataFrame, batch_id: int) -> None:
        """Write the batch and report it. What it raises is kept for the supervisor."""
        self._progress.began = batch_id
        started = time.monotonic()
        try:
            failpoint(f"{self._name}.before_batch")
            context = BatchContext(
                self._writer, self._name, self._query_id(), batch_id, self._progress.covered
            )
            summary = self._process(batch, context)
            failpoint(f"{self._name}.after_batch")
        except BaseException as error:
            self._progress.error = error
            raise
        self._progress.committed = batch_id
        if summary is not None:
            self._progress.covered = context.coverage(summary.positions).positions
            self._progress.remembered = summary.remembered
            took = int((time.monotonic() - started) * 1000)
            self._report(summary, batch_id, took)

    def _report(self, summary: BatchSummary, batch_id: int, duration_ms: int) -> None:
        """Tell of a batch that is written: what cannot be told is no reason to do it again."""
        try:
            report = report_of(summary, query=self._name, batch_id=batch_id, duration_ms=duration_ms)
            self._metrics.record(report)
        except Exception as error:
            log.warning("batch_not_reported", query=self._name, batch_id=batch_id, why=str(error))


def report_of(summary: BatchSummary, *, query: str, batch_id: int, duration_ms: int) -> BatchReport:
    """The report of a batch that has just been committed: freshness is taken at this moment."""
    now = time.time()
    latest: list[tuple[str, dict[str, Any]]] = [(table, json.loads(text)) for table, text in summary.previews]
    return BatchReport(
        query=query,
        batch_id=batch_id,
        committed_at=datetime.fromtimestamp(now, UTC),
        duration_ms=duration_ms,
        rows=summary.rows,
        rejects=summary.rejects,
        ages_ms=[(max(0, int(now * 1000) - arrived_ms), count) for arrived_ms, count in summary.arrivals],
        latest=[item for item in latest if item[0] != DEAD_LETTERS.name],
        dead_letters=[_example(row) for table, row in latest if table == DEAD_LETTERS.name],
    )


def _example(row: dict[str, object]) -> DeadLetterExample:
    return DeadLetterExample(
        topic=str(row["topic"]),
        partition=int(str(row["partition"])),
        offset=int(str(row["offset"])),
        ingested_at=datetime.fromtimestamp(int(str(row["ingested_at"])) / 1e6, UTC),
        stage=str(row["stage"]),
        reason=str(row["reason"]),
        field=str(row["field"]) if row.get("field") else None,
        detail=str(row["detail"]) if row.get("detail") else None,
        value_preview=str(row.get("value", "")),
        value_bytes=int(str(row.get("value_bytes", 0))),
    )
