"""What every micro-batch does around its transform: sum up, append each table once."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import inheritable_thread_target
from pyspark.sql import DataFrame

from pipelines.connectors.delta_writer import DeltaWriter, Rows
from pipelines.contracts.positions import Coverage, Vector, furthest
from pipelines.contracts.tables import TableSpec
from pipelines.runtime.failpoints import failpoint

_FINE_MS, _COARSE_MS, _ROUGH_MS = 50, 1_000, 60_000


@dataclass(frozen=True)
class BatchSummary:
    """What a batch held. `arrivals`: (ms since 1970, how many); `previews`: (table, JSON of a row).

    `remembered`: records that the query keeps in memory for the batches to come.
    """

    positions: Vector
    rows: Mapping[str, int]
    rejects: Mapping[str, int]
    arrivals: Sequence[tuple[int, int]]
    previews: Sequence[tuple[str, str]] = ()
    remembered: int | None = None


@dataclass(frozen=True)
class BatchContext:
    """What a batch needs to write once: the lake, under which transaction id, what was covered before."""

    writer: DeltaWriter
    query: str
    app_id: str
    batch_id: int
    covered: Vector

    def coverage(self, positions: Vector) -> Coverage:
        """What the query covers once a batch that reaches these positions is written."""
        return Coverage(self.query, self.batch_id, furthest([self.covered, positions]))


@dataclass(frozen=True)
class Append:
    """Rows to append to one table."""

    spec: TableSpec
    rows: Rows


def append_all(appends: Sequence[Append], context: BatchContext, *, positions: Vector) -> None:
    """Append to every table; only the last commit says that the batch is whole.

    The same table is last however a batch is repeated: a table that has the batch already takes no
    second commit, and would leave it unsaid. Spark's appends go side by side. Raises the first error
    after all have ended.
    """
    whole = context.coverage(positions)
    part = replace(whole, complete=False)
    *others, last = sorted(appends, key=lambda one: one.spec.name)
    frames = [one for one in others if isinstance(one.rows, DataFrame)]
    for one in others:
        if one not in frames:
            _append(one, context, part)
    if frames:
        session = frames[0].rows.sparkSession
        append = inheritable_thread_target(session)(_append)
        with ThreadPoolExecutor(max_workers=len(frames)) as pool:
            futures = [pool.submit(append, one, context, part) for one in frames]
        for future in futures:
            future.result()
    _append(last, context, whole)


def _append(one: Append, context: BatchContext, coverage: Coverage) -> None:
    failpoint(f"{context.query}.before_append:{one.spec.name}")
    context.writer.append(one.spec, one.rows, app_id=f"{context.app_id}:{one.spec.name}", coverage=coverage)
    failpoint(f"{context.query}.after_append:{one.spec.name}")


def next_offsets(records: pa.Table) -> Vector:
    """The next offset after the records, by Kafka partition."""
    last = records.group_by(["topic", "partition"]).aggregate([("offset", "max")])
    return {(row["topic"], row["partition"]): row["offset_max"] + 1 for row in last.to_pylist()}


def count_by(records: pa.Table, column: str) -> dict[str, int]:
    """Value → how many records hold it; null is not counted."""
    counts = pc.value_counts(records[column].drop_null())
    return {row["values"]: row["counts"] for row in counts.to_pylist()}


def arrivals(records: pa.Table) -> list[tuple[int, int]]:
    """When records reached the broker: (ms since 1970, how many), the older the rougher."""
    arrived = pc.cast(records["ingested_at"], pa.int64()).to_numpy() // 1_000
    age = time.time() * 1_000 - arrived
    step = np.where(age < 200 * _FINE_MS, _FINE_MS, np.where(age < 600 * _COARSE_MS, _COARSE_MS, _ROUGH_MS))
    moments, counts = np.unique(arrived // step * step, return_counts=True)
    return list(zip(moments.tolist(), counts.tolist(), strict=True))


def latest_previews(records: pa.Table, *, per_table: int) -> list[tuple[str, str]]:
    """A few rows of each table as JSON, the last ones."""
    shown = records.filter(pc.is_valid(records["preview"]))
    found: dict[str, list[Any]] = defaultdict(list)
    for table, text in zip(shown["table"].to_pylist(), shown["preview"].to_pylist(), strict=True):
        found[table].append(text)
    return [(table, text) for table, texts in found.items() for text in texts[-per_table:]]
