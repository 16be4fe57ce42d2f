"""What every micro-batch does around its transform: count once, append once, report.

Counting is one Spark job over the persisted batch; appends to several tables go side by side, each
under its own transaction id so that a repeated batch changes nothing.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pyspark import inheritable_thread_target
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.connectors.delta import append_once
from pipelines.connectors.names import Names
from pipelines.contracts.lake import POSITIONS
from pipelines.contracts.tables import TableSpec

_FINE_MS, _COARSE_MS, _ROUGH_MS = 50, 1_000, 60_000


@dataclass(frozen=True)
class Group:
    """Counted rows of one table, reason, Kafka partition and moment of arrival."""

    table: str
    reason: str | None
    topic: str
    partition: int
    arrived_ms: int
    rows: int
    first_offset: int
    last_offset: int
    previews: tuple[str, ...]


def count_groups(batch: DataFrame, *, table: Column, reason: Column, preview: Column) -> list[Group]:
    """The groups of a persisted batch, collected: bounded by the resolution of `arrived_ms`."""
    arrived = F.unix_millis("ingested_at")
    # A literal that changes with every batch would have Spark compile the plan anew with every batch.
    age = F.lit(int(time.time()) // 600 * 600_000) - arrived
    step = (
        F.when(age < 200 * _FINE_MS, _FINE_MS).when(age < 600 * _COARSE_MS, _COARSE_MS).otherwise(_ROUGH_MS)
    )
    counted = batch.groupBy(
        table.alias("table"),
        reason.alias("reason"),
        "topic",
        "partition",
        (F.floor(arrived / step) * step).alias("arrived_ms"),
    ).agg(
        F.count(F.lit(1)).alias("rows"),
        F.min("offset").alias("first_offset"),
        F.max("offset").alias("last_offset"),
        F.slice(F.collect_list(preview), 1, 3).alias("previews"),
    )
    return [Group(**{**row.asDict(), "previews": tuple(row["previews"])}) for row in counted.collect()]


@dataclass(frozen=True)
class Append:
    """Rows to append to one table."""

    spec: TableSpec
    rows: DataFrame


def append_all(appends: Sequence[Append], names: Names, *, app_id: str, batch_id: int) -> None:
    """Append to every table side by side; raises the first error after all have ended."""

    def append(one: Append) -> None:
        append_once(
            one.rows, names.table(one.spec.name), app_id=f"{app_id}:{one.spec.name}", batch_id=batch_id
        )

    if not appends:
        return
    with ThreadPoolExecutor(max_workers=len(appends)) as pool:
        futures = [pool.submit(inheritable_thread_target(append), one) for one in appends]
    for future in futures:
        future.result()


def positions_of(groups: Sequence[Group], batch: DataFrame, *, query: str, batch_id: int) -> DataFrame:
    """Rows of `ops.positions`: what the batch covers in each Kafka partition."""
    spans: dict[tuple[str, int], list[int]] = {}
    for group in groups:
        span = spans.setdefault((group.topic, group.partition), [group.first_offset, group.last_offset, 0])
        span[0] = min(span[0], group.first_offset)
        span[1] = max(span[1], group.last_offset)
        span[2] += group.rows
    rows = [
        (query, batch_id, topic, partition, first, last + 1, count)
        for (topic, partition), (first, last, count) in sorted(spans.items())
    ]
    return batch.sparkSession.createDataFrame(rows, POSITIONS.schema())


def rows_by_table(groups: Sequence[Group]) -> Mapping[str, int]:
    """Rows of the batch by table."""
    counts: dict[str, int] = {}
    for group in groups:
        counts[group.table] = counts.get(group.table, 0) + group.rows
    return counts
