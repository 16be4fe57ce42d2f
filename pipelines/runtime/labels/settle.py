"""Labels that the stream does not make: of history, of new problems, of decisions that came too late.

The stream makes every label of what it has taken in by the time at which its watermark has passed the
longest horizon, and takes in nothing older than the watermark. So what lies that far below the watermark of
a batch that is over, and has no label, gets none from the stream: those labels are made here, in one
commit. Until the stream has begun, it is kept from beginning, and the newest event tells the time.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.connectors.delta import ensure_table
from pipelines.connectors.names import LABEL_DECISIONS, Names
from pipelines.contracts.clock import moment
from pipelines.contracts.labels import LABEL_KEY, LABELS
from pipelines.errors import ServiceError
from pipelines.gold.features.event import TABLES, of_tables
from pipelines.gold.labels.joining import labels
from pipelines.gold.problems.problem import Problem
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.marts import require_silver
from pipelines.runtime.streams.checkpoint import committed_batch, logged_watermark, planned_batch

SETTLE_LABELS = "settle_labels"
_ROUNDING = timedelta(seconds=1)
"""Watermarks are whole milliseconds; how Spark rounds them shall not matter."""


def settle_labels(
    spark: SparkSession, names: Names, problems: Sequence[Problem], *, late_seconds: int, days: int | None
) -> dict[str, Any]:
    """Add the missing labels of the last `days` (none: of all history) that the stream has left behind.

    `outcomes_too_late`: labels that are 0, and would be 1 had the outcome not come later than the stream
    waits. They stay, as those that served then knew no better. Raises `LakeError` where silver is empty,
    `ServiceError` while another run is under way.
    """
    began = time.monotonic()
    require_silver(names)
    ensure_table(spark, LABELS, names.table(LABELS.name))
    with _settled(spark, names, late_seconds=late_seconds) as passed:
        if passed is None:
            return {"until": None, "added": {}, "outcomes_too_late": {}}
        longest = timedelta(seconds=max(one.horizon_seconds for one in problems))
        until = passed - longest - _ROUNDING
        since = None if days is None else until - timedelta(days=days)
        events = _events(spark, names, since=since, until=until + longest)
        made = labels(events, problems, late_seconds=late_seconds).where(F.col("decided_at") < until)
        there = spark.read.format("delta").load(names.table(LABELS.name)).where(F.col("decided_at") < until)
        counts = _add(made, there if since is None else there.where(F.col("decided_at") >= since), names)
    return {"until": until.isoformat(), **counts, "seconds": round(time.monotonic() - began, 1)}


@contextmanager
def _settled(spark: SparkSession, names: Names, *, late_seconds: int) -> Iterator[datetime | None]:
    """The time in which no other run settles; before which moment the stream takes in nothing more."""
    checkpoint, run = names.checkpoint(LABEL_DECISIONS), names.var_dir / "run"
    with held(run / f"{SETTLE_LABELS}.lock", limit_seconds=1), ExitStack() as beside:
        is_stopped = _keep_out(beside, run / f"{LABEL_DECISIONS}.lock")
        done = committed_batch(spark, checkpoint)
        if done is not None and done >= 0:
            beside.close()
            yield logged_watermark(spark, checkpoint, done)
        elif is_stopped and planned_batch(spark, checkpoint) in (None, -1):
            yield _newest(spark, names, late_seconds=late_seconds)
        else:
            yield None


def _keep_out(locks: ExitStack, stream: Path) -> bool:
    """Hold the stream's lock; whether it could be had."""
    try:
        locks.enter_context(held(stream, limit_seconds=0))
    except ServiceError:
        return False
    return True


def _newest(spark: SparkSession, names: Names, *, late_seconds: int) -> datetime | None:
    events = spark.read.format("delta").load(names.table(TABLES[0]))
    found = events.agg(F.max(F.unix_micros("occurred_at"))).collect()[0][0]
    return None if found is None else moment(found) - timedelta(seconds=late_seconds)


def _events(spark: SparkSession, names: Names, *, since: datetime | None, until: datetime) -> DataFrame:
    def between(table: str) -> DataFrame:
        rows = spark.read.format("delta").load(names.table(table)).where(F.col("occurred_at") <= until)
        return rows if since is None else rows.where(F.col("occurred_at") >= since)

    return of_tables({table: between(table) for table in TABLES})


def _add(made: DataFrame, there: DataFrame, names: Names) -> dict[str, dict[str, int]]:
    """Append what is not there; how many rows of each problem, and how many that are there differ."""
    had = there.select(*LABEL_KEY, F.col("label").alias("had"))
    rows = made.join(had, list(LABEL_KEY), "left").persist()
    try:
        missing = F.col("had").isNull()
        counted = rows.groupBy("problem").agg(
            F.count_if(missing).alias("added"), F.count_if(F.col("had") < F.col("label")).alias("late")
        )
        counts = {row["problem"]: (row["added"], row["late"]) for row in counted.collect()}
        if any(added for added, _ in counts.values()):
            new = rows.where(missing).select(*LABELS.column_names).repartition("problem")
            new.write.format("delta").mode("append").save(names.table(LABELS.name))
    finally:
        rows.unpersist()
    return {
        "added": {problem: added for problem, (added, _) in sorted(counts.items())},
        "outcomes_too_late": {problem: late for problem, (_, late) in sorted(counts.items()) if late},
    }
