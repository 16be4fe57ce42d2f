"""`gold.decision_outcomes`: what became of decisions, added once it is final, without Spark.

A commit names the positions below which nothing is open any more, so a run looks at what lies beyond only.
What is there is not added again: a run that is done twice changes nothing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import structlog
from deltalake import DeltaTable

from pipelines.connectors.delta import ensure_without_spark, local_commits
from pipelines.connectors.delta_files import write_files
from pipelines.connectors.delta_log import AppendLog
from pipelines.connectors.lake_reader import covered
from pipelines.connectors.names import CLEAN_SILVER, Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.decisions import DECISION_KEY, DECISION_OUTCOMES
from pipelines.contracts.lake import silver_tables
from pipelines.contracts.positions import Coverage, Vector
from pipelines.contracts.topics import all_topics
from pipelines.contracts.topics.decisions import TOPIC
from pipelines.gold.decisions.judging import JUDGED_BY, weights, were_right
from pipelines.gold.problems.problem import Problem
from pipelines.runtime.decisions.became import Became, what_became
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.marts import require_silver
from pipelines.runtime.streams.queries.clean_silver import WRITTEN

BUILD_DECISIONS = "build_decisions"
GIVEN_UP = timedelta(days=4)
"""`settle_labels` looks back 3 days: of older decisions that are still open nobody will tell the outcome."""
_WHEN = ("ingested_at", "ingested_date")
_ASKED = ("about_topic", "about_partition", "about_offset", "about_event")
_WHO = ("visitor_id", "session_id", "product_id", "user_id")
_MADE = ("occurred_at", "problem", "problem_version", "probability")
_READ = [*DECISION_KEY, *_WHEN, *_MADE, *_ASKED, *_WHO, *JUDGED_BY]
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Built:
    """What a run did: outcomes it added, and decisions that are open after it."""

    added: int
    still_open: int
    seconds: float

    def as_data(self) -> dict[str, Any]:
        """The run as JSON data."""
        return {"added": self.added, "open": self.still_open, "seconds": round(self.seconds, 1)}


def build_decisions(names: Names, problems: Sequence[Problem], *, late_seconds: int, now: datetime) -> Built:
    """Add the outcomes that have become final since the last run.

    `late_seconds`: how much later than the newest click an outcome may still come. Raises `LakeError` when
    silver has no batch yet, `ServiceError` while another run is under way.
    """
    began = time.monotonic()
    require_silver(names)
    path = names.table(DECISION_OUTCOMES.name)
    ensure_without_spark(DECISION_OUTCOMES, path)
    ensure_without_spark(silver_tables()[TOPIC.table], names.table(TOPIC.table))
    with held(names.var_dir / "run" / f"{BUILD_DECISIONS}.lock", limit_seconds=1):
        before = _last_run(path)
        until = decisions_until(names)
        rows = _open(names, path, since=before.positions, oldest=now - GIVEN_UP)
        found = _labelled(rows, what_became(names, problems, late_seconds=late_seconds), problems)
        final = found.filter(pc.is_valid(found["label"]))
        if final.num_rows:
            left = found.filter(pc.is_null(found["label"]))
            coverage = Coverage(BUILD_DECISIONS, before.batch_id + 1, _floor(left, until))
            _append(path, final, coverage)
    log.info("outcomes_added", added=final.num_rows, open=rows.num_rows - final.num_rows)
    return Built(final.num_rows, rows.num_rows - final.num_rows, time.monotonic() - began)


def decisions_until(names: Names) -> dict[tuple[str, int], int]:
    """How far silver has come of decisions: of their own topic, and of those that a mapping reads."""
    others = set(all_topics()) - {TOPIC.name}
    vector = covered(names, WRITTEN, query=CLEAN_SILVER)
    return {place: offset for place, offset in vector.items() if place[0] not in others}


def beyond(positions: Vector) -> pc.Expression:
    """Whether a row lies at or beyond the positions."""
    found = pc.scalar(True)
    for (topic, partition), offset in positions.items():
        place = (pc.field("topic") == topic) & (pc.field("partition") == partition)
        found = found & ~(place & (pc.field("offset") < offset))
    return found


def _last_run(path: str) -> Coverage:
    found = [one for text in local_commits(path) if (one := Coverage.decode(text)) is not None]
    return max(found, key=lambda one: one.batch_id, default=Coverage(BUILD_DECISIONS, -1, {}))


def _open(names: Names, path: str, *, since: Vector, oldest: datetime) -> pa.Table:
    """Decisions whose outcome is not noted."""
    recent = beyond(since) & (pc.field("ingested_at") >= oldest)
    decisions = DeltaTable(names.table(TOPIC.table)).to_pyarrow_dataset().to_table(_READ, filter=recent)
    noted = DeltaTable(path).to_pyarrow_dataset().to_table(list(DECISION_KEY), filter=beyond(since))
    there = set(zip(*noted.to_pydict().values(), strict=True))
    places = zip(*(decisions[name].to_pylist() for name in DECISION_KEY), strict=True)
    return decisions.filter(pa.array([place not in there for place in places], pa.bool_()))


def _floor(left: pa.Table, until: Vector) -> Vector:
    """The positions below which nothing is left."""
    found = dict(until)
    for topic, partition, offset in zip(*(left[name].to_pylist() for name in DECISION_KEY), strict=True):
        found[topic, partition] = min(offset, found.get((topic, partition), offset))
    return found


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
        .append_column("weight", pa.array(weights(rows), pa.float64()))
    )


def _append(path: str, rows: pa.Table, coverage: Coverage) -> None:
    schema = arrow_schema(DECISION_OUTCOMES)
    columns = [rows[one.name].cast(one.type) for one in schema]
    files = write_files(pa.table(columns, schema=schema), DECISION_OUTCOMES, path)
    app_log = AppendLog(path, BUILD_DECISIONS)
    app_log.append(files, batch_id=coverage.batch_id, user_metadata=coverage.encode())
