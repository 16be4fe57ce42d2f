"""`gold.decisions`: silver's decisions with what became of them, added and completed without Spark.

A commit names the positions that it covers, so a run goes on where the last one ended. What it writes is told
by the place of a decision's record: a run that is done again changes nothing.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import structlog
from deltalake import CommitProperties, DeltaTable

from pipelines.connectors.delta import ensure_without_spark, local_commits, positions_in
from pipelines.connectors.lake_reader import covered
from pipelines.connectors.names import CLEAN_SILVER, Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.decisions import DECISION_KEY, DECISIONS
from pipelines.contracts.positions import Coverage, Vector, furthest
from pipelines.contracts.topics import all_topics
from pipelines.contracts.topics.decisions import TOPIC
from pipelines.gold.decisions.judging import weights, were_right
from pipelines.gold.problems.problem import Problem
from pipelines.runtime.decisions.became import Became, what_became
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.marts import require_silver
from pipelines.runtime.streams.queries.clean_silver import WRITTEN

BUILD_DECISIONS = "build_decisions"
_STEP = 20_000
"""Records of a partition that are taken in at once: features are long."""
_SAME = " and ".join(f't."{name}" = s."{name}"' for name in ("ingested_date", *DECISION_KEY))
_UPDATED = ("label", "outcome_at", "was_right")
_OPEN = (
    "ingested_at",
    "ingested_date",
    "event_id",
    "occurred_at",
    "problem",
    "problem_version",
    "probability",
)
_ASKED = ("about_topic", "about_partition", "about_offset", "about_event")
_WHO = ("visitor_id", "session_id", "product_id", "user_id")
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Built:
    """What a run did: decisions added, and those whose outcome it noted."""

    added: int
    settled: int
    seconds: float

    def as_data(self) -> dict[str, Any]:
        """The run as JSON data."""
        return {"added": self.added, "settled": self.settled, "seconds": round(self.seconds, 1)}


def build_decisions(names: Names, problems: Sequence[Problem], *, late_seconds: int) -> Built:
    """Take in what silver has of decisions since the last run, and note the outcomes that are final.

    `late_seconds`: how much later than the newest click an outcome may still come. Raises `LakeError` when
    silver has no batch yet, `ServiceError` while another run is under way.
    """
    began = time.monotonic()
    require_silver(names)
    until = _of_decisions(covered(names, WRITTEN, query=CLEAN_SILVER))
    path = names.table(DECISIONS.name)
    ensure_without_spark(DECISIONS, path)
    became = what_became(names, problems, late_seconds=late_seconds)
    added = settled = 0
    with held(names.var_dir / "run" / f"{BUILD_DECISIONS}.lock", limit_seconds=1):
        before = covered_by_decisions(path)
        settled += _settle(path, became, problems, before)
        for since, coverage in _steps(before, until):
            new = _new(names, since, coverage.positions)
            if new.num_rows:
                _merge(path, _completed(new, became, problems), coverage)
                added += new.num_rows
    log.info("decisions_built", added=added, settled=settled)
    return Built(added, settled, time.monotonic() - began)


def _of_decisions(vector: Vector) -> dict[tuple[str, int], int]:
    """Places that may hold decisions: of their own topic, and of those that a mapping reads."""
    others = set(all_topics()) - {TOPIC.name}
    return {place: offset for place, offset in vector.items() if place[0] not in others}


def covered_by_decisions(path: str) -> Coverage:
    """What `gold.decisions` covers, and by how many-th step."""
    found = [one for text in local_commits(path) if (one := Coverage.decode(text)) is not None]
    positions = furthest(positions_in(local_commits(path), BUILD_DECISIONS))
    return Coverage(BUILD_DECISIONS, max((one.batch_id for one in found), default=-1), positions)


def _steps(since: Coverage, until: Vector) -> Iterator[tuple[Vector, Coverage]]:
    """From where, and what is covered then, step by step up to there."""
    reached, number = dict(since.positions), since.batch_id
    while any(reached.get(place, 0) < offset for place, offset in until.items()):
        further = {place: min(offset, reached.get(place, 0) + _STEP) for place, offset in until.items()}
        number += 1
        yield reached, Coverage(BUILD_DECISIONS, number, furthest([reached, further]))
        reached = furthest([reached, further])


def _new(names: Names, since: Vector, until: Vector) -> pa.Table:
    """Silver's decisions between the positions."""
    here = pc.scalar(False)
    for (topic, partition), offset in until.items():
        low = since.get((topic, partition), 0)
        if low < offset:
            place = (pc.field("topic") == topic) & (pc.field("partition") == partition)
            here = here | (place & (pc.field("offset") >= low) & (pc.field("offset") < offset))
    wanted = [name for name in DECISIONS.column_names if name not in (*_UPDATED, "weight")]
    return DeltaTable(names.table(TOPIC.table)).to_pyarrow_dataset().to_table(columns=wanted, filter=here)


def _settle(path: str, became: Became, problems: Sequence[Problem], covered_by_now: Coverage) -> int:
    """Note what became of decisions that were open; of how many."""
    columns = [*DECISION_KEY, *_OPEN, *_ASKED, *_WHO, "action", "weight"]
    dataset = DeltaTable(path).to_pyarrow_dataset()
    rows = _labelled(dataset.to_table(columns=columns, filter=pc.field("label").is_null()), became, problems)
    rows = rows.filter(pc.is_valid(rows["label"]))
    if rows.num_rows:
        _merge(path, _in_schema(rows), covered_by_now)
    return int(rows.num_rows)


def _completed(new: pa.Table, became: Became, problems: Sequence[Problem]) -> pa.Table:
    """Rows of `gold.decisions`."""
    rows = _labelled(new, became, problems)
    return _in_schema(rows.append_column("weight", pa.array(weights(rows))))


def _labelled(rows: pa.Table, became: Became, problems: Sequence[Problem]) -> pa.Table:
    """The rows with what became of them, null where that is open."""
    found = became(rows)
    labels = [None if one is None else one.label for one in found]
    times = pa.array([None if one is None else one.outcome_at for one in found], pa.int64())
    named = {one.name: one for one in problems}
    right = were_right(named, rows["problem"].to_pylist(), rows["probability"].to_pylist(), labels)
    return (
        rows.append_column("label", pa.array(labels, pa.int32()))
        .append_column("outcome_at", times.cast(pa.timestamp("us", tz="UTC")))
        .append_column("was_right", pa.array(right, pa.bool_()))
    )


def _in_schema(rows: pa.Table) -> pa.Table:
    """The rows in the table's columns; those that are not there are null."""
    schema = arrow_schema(DECISIONS)
    columns = [
        rows[one.name].cast(one.type) if one.name in rows.column_names else pa.nulls(rows.num_rows, one.type)
        for one in schema
    ]
    return pa.table(columns, schema=pa.schema([one.with_nullable(True) for one in schema]))


def _merge(path: str, rows: pa.Table, coverage: Coverage) -> None:
    """Add the rows that are not there; give those that are there and open what became of them."""
    (
        DeltaTable(path)
        .merge(
            rows,
            predicate=_SAME,
            source_alias="s",
            target_alias="t",
            commit_properties=CommitProperties(custom_metadata={"userMetadata": coverage.encode()}),
        )
        .when_matched_update(
            updates={name: f"s.{name}" for name in _UPDATED},
            predicate="t.label is null and s.label is not null",
        )
        .when_not_matched_insert_all()
        .execute()
    )
