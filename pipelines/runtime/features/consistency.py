"""Proof that online equals offline: reads that were logged, computed again from silver alone."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.connectors.delta import last_positions
from pipelines.connectors.names import CLEAN_SILVER, Names
from pipelines.contracts.feature_reads import FEATURE_READS
from pipelines.contracts.positions import Vector, behind, flat
from pipelines.errors import LakeError
from pipelines.gold.features.comparing import PLACED, LoggedRead, Tally, compared
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.reading import USER, VISITOR
from pipelines.runtime.features.sampled_keys import Question
from pipelines.runtime.features.silver import silver_events
from pipelines.runtime.streams.queries.clean_silver import WRITTEN

CHECK_CONSISTENCY = "check_consistency"
_PAUSE_SECONDS = 1.0
_OWNER = "_owner"
_Reads = Mapping[Question, Sequence[LoggedRead]]


@dataclass(frozen=True)
class ConsistencyResult:
    """What the check found. `left_out`: reads that silver has not reached, or of another version."""

    tallies: Mapping[Question, Mapping[str, Tally]]
    reads: int
    left_out: int

    @property
    def holds(self) -> bool:
        """Whether every value that was read is what history says."""
        return not any(one.faults for found in self.tallies.values() for one in found.values())

    def as_data(self) -> dict[str, Any]:
        """The result as JSON data."""
        every = [one for found in self.tallies.values() for one in found.values()]
        faults = {name: sum(getattr(one, name) for one in every) for name in ("mismatch", "missing", "extra")}
        return {
            "holds": self.holds,
            "reads": self.reads,
            "left_out": self.left_out,
            "values": sum(one.reads for one in every),
            **faults,
            "late_share": _share(sum(one.late for one in every), sum(one.reads for one in every)),
            "sets": [_as_data(question, found) for question, found in self.tallies.items()],
        }


def check_reads(spark: SparkSession, names: Names, *, most: int, wait_seconds: float) -> ConsistencyResult:
    """Compare the newest logged reads with what silver makes of them, having waited for silver that long.

    Raises `LakeError` when no read has been logged, or none can be checked.
    """
    rows = _newest(names, most)
    reached = await_silver(spark, names, rows, seconds=wait_seconds)
    reads = _by_question(rows, reached)
    count = sum(map(len, reads.values()))
    if not count:
        raise LakeError(
            f"none of {len(rows)} logged reads can be checked: silver has not reached them, or their sets "
            "have new versions. Let stream_lake catch up, or log new ones by `clicklake run sample_features`."
        )
    events = silver_events(spark, names)
    tallies = {
        question: compared(question.feature_set, those, *concerned(events, question, those))
        for question, those in reads.items()
    }
    return ConsistencyResult(tallies, count, len(rows) - count)


def _newest(names: Names, most: int) -> list[dict[str, Any]]:
    path = names.table(FEATURE_READS.name)
    try:
        rows = DeltaTable(path).to_pyarrow_table()
    except TableNotFoundError:
        rows = pa.table({})
    if not rows.num_rows:
        raise LakeError(f"{path}: no read has been logged: run `clicklake run sample_features` first.")
    newest = rows.sort_by([("at", "descending"), ("reader", "ascending"), ("read_number", "descending")])
    found = newest.slice(0, most)
    at = found.schema.get_field_index("at")
    micros = pc.cast(found["at"], pa.int64())
    plain: list[dict[str, Any]] = found.set_column(at, "at", micros).to_pylist()
    return [row | {"positions": flat(msgspec.json.decode(row["positions"]))} for row in plain]


def await_silver(
    spark: SparkSession, names: Names, rows: Sequence[Mapping[str, Any]], *, seconds: float
) -> Vector:
    """What silver covers, once that is all of the rows' `positions`, or so many seconds are over."""
    deadline = time.monotonic() + seconds
    paths = [names.table(table) for table in WRITTEN]
    while True:
        reached = last_positions(spark, paths, query=CLEAN_SILVER)
        is_there = not any(behind(reached, row["positions"]) for row in rows)
        if is_there or time.monotonic() >= deadline:
            return reached
        time.sleep(_PAUSE_SECONDS)


def _by_question(rows: Sequence[Mapping[str, Any]], reached: Vector) -> _Reads:
    """The reads that silver has reached, of sets as they are now."""
    sets, found = all_sets(), defaultdict(list)
    for row in rows:
        one = sets.get(row["feature_set"])
        if one is None or one.version != row["version"] or behind(reached, row["positions"]):
            continue
        read = LoggedRead(
            f"{row['reader']}/{row['read_number']}",
            tuple(msgspec.json.decode(row["entity"])),
            row["at"],
            row["positions"],
            msgspec.json.decode(row["features"]),
        )
        found[Question(one, row["is_by_user"])].append(read)
    return found


def concerned(
    events: DataFrame,
    question: Question,
    reads: Sequence[LoggedRead],
    *,
    columns: Sequence[str] | None = None,
) -> tuple[pa.Table, pa.Table | None]:
    """The events about the entities that were read, and of users those that link visitors with them.

    `columns`: null: those that the set reads, and where an event lies.
    """
    one = question.feature_set
    columns = columns or list(dict.fromkeys([*one.reads, *PLACED]))
    keys = _keys_frame(events, one, [read.key for read in reads])
    if not question.is_by_user:
        return events.join(F.broadcast(keys), list(one.keys), "left_semi").select(*columns).toArrow(), None
    users = keys.select(F.col(VISITOR).alias(USER)).distinct()
    links = events.join(F.broadcast(users), USER, "left_semi").select(VISITOR, USER, *PLACED)
    linked = links.select(VISITOR, F.col(USER).alias(_OWNER)).distinct()
    theirs = keys.withColumnRenamed(VISITOR, _OWNER).join(linked, _OWNER).drop(_OWNER).distinct()
    found = events.join(theirs, list(one.keys), "left_semi").select(*columns)
    return found.toArrow(), links.toArrow()


def _keys_frame(events: DataFrame, one: FeatureSet, keys: Sequence[tuple[str, ...]]) -> DataFrame:
    rows = pa.table(
        {name: pa.array(values) for name, values in zip(one.keys, zip(*set(keys), strict=True), strict=True)}
    )
    return events.sparkSession.createDataFrame(rows)


def _as_data(question: Question, found: Mapping[str, Tally]) -> dict[str, Any]:
    one = question.feature_set
    columns = {
        name: {
            "reads": tally.reads,
            "mismatch": tally.mismatch,
            "missing": tally.missing,
            "extra": tally.extra,
            "late_share": _share(tally.late, tally.reads),
            "examples": tally.examples,
        }
        for name, tally in found.items()
    }
    every = found.values()
    values = sum(tally.reads for tally in every)
    return {
        "set": one.name,
        "version": one.version,
        "by_user": question.is_by_user,
        "values": values,
        "faults": sum(tally.faults for tally in every),
        "late_share": _share(sum(tally.late for tally in every), values),
        "features": columns,
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0
