"""What every micro-batch does around its transform: count once, append once, report.

Counting is one Spark job over the persisted batch; appends to several tables go side by side, each
under its own transaction id so that a repeated batch changes nothing.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pyspark import inheritable_thread_target
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipelines.connectors.delta import append_once
from pipelines.connectors.names import Names
from pipelines.contracts.positions import Coverage, Vector, furthest
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
        F.max("offset").alias("last_offset"),
        F.slice(F.collect_list(preview), 1, 3).alias("previews"),
    )
    return [Group(**{**row.asDict(), "previews": tuple(row["previews"])}) for row in counted.collect()]


@dataclass(frozen=True)
class Append:
    """Rows to append to one table."""

    spec: TableSpec
    rows: DataFrame


def append_all(appends: Sequence[Append], names: Names, *, app_id: str, coverage: Coverage) -> None:
    """Append to every table side by side; raises the first error after all have ended."""

    def append(one: Append) -> None:
        path = names.table(one.spec.name)
        append_once(one.rows, path, app_id=f"{app_id}:{one.spec.name}", coverage=coverage)

    if not appends:
        return
    session = appends[0].rows.sparkSession
    with ThreadPoolExecutor(max_workers=len(appends)) as pool:
        futures = [pool.submit(inheritable_thread_target(session)(append), one) for one in appends]
    for future in futures:
        future.result()


def positions_of(groups: Sequence[Group]) -> Vector:
    """The next offset after the groups' rows, by Kafka partition."""
    return furthest({(group.topic, group.partition): group.last_offset + 1} for group in groups)


def tables_of(groups: Sequence[Group]) -> list[str]:
    """The tables that the groups belong to, sorted."""
    return sorted({group.table for group in groups})
