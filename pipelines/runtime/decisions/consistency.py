"""Proof that decisions knew what they say: their features, computed again from silver alone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.connectors.names import Names
from pipelines.contracts.positions import behind, flat
from pipelines.contracts.topics.decisions import TOPIC
from pipelines.errors import LakeError
from pipelines.gold.decisions.recomputing import Asked, Logged, asked_of, entities, recomputed
from pipelines.gold.features.comparing import PLACED, LoggedRead, Tally, compared
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.scalar import State, values
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.consistency import ConsistencyResult, await_silver, concerned
from pipelines.runtime.features.reading import USER, VISITOR
from pipelines.runtime.features.sampled_keys import Question
from pipelines.runtime.features.silver import silver_events

_ABOUT = ("about_topic", "about_partition", "about_offset", "about_event")
_LOGGED = ("positions", "features", "set_versions", "added_events", "is_whole", "state_ahead")
_COLUMNS = ["event_id", VISITOR, USER, "session_id", "product_id", "occurred_at", *_ABOUT, *_LOGGED]
_PLACE = ("topic", "partition", "offset")
_Row = Mapping[str, Any]
_Tallies = dict[Question, dict[str, Tally]]


@dataclass(frozen=True)
class DecisionsResult:
    """What the check found about `decisions` logged ones.

    Left out are those that say themselves that the store was ahead (`state_ahead`), or that their features
    are not all that lies below their positions (`not_whole`). `without_event`: silver has no such event.
    """

    compared: ConsistencyResult
    decisions: int
    state_ahead: int
    not_whole: int
    without_event: int

    @property
    def holds(self) -> bool:
        """Whether every value that a decision knew is what history says."""
        return self.compared.holds and not self.without_event

    def as_data(self) -> dict[str, Any]:
        """The result as JSON data."""
        counts = {name: getattr(self, name) for name in ("decisions", "state_ahead", "not_whole")}
        mine = {"holds": self.holds, "without_event": self.without_event}
        return self.compared.as_data() | counts | mine


def check_decisions(
    spark: SparkSession,
    names: Names,
    *,
    most: int,
    wait_seconds: float,
    since: datetime | None = None,
    until: datetime | None = None,
) -> DecisionsResult:
    """Compare what the newest decisions of a time knew with what silver makes of it.

    Silver is waited for that long. Raises `LakeError` when there is no decision, or none can be checked.
    """
    rows = _newest(names, most, since=since, until=until)
    ahead = [row for row in rows if row["state_ahead"]]
    whole = [row for row in rows if row["is_whole"] and not row["state_ahead"] and row["features"]]
    vectors = [{"positions": flat(msgspec.json.decode(row["positions"]))} for row in whole]
    reached = await_silver(spark, names, vectors, seconds=wait_seconds)
    there = [row for row, one in zip(whole, vectors, strict=True) if not behind(reached, one["positions"])]
    if not there:
        raise LakeError(
            f"none of {len(rows)} logged decisions can be checked: silver has not reached what they saw, or "
            "their state was ahead or not whole. Let stream_lake catch up."
        )
    events = silver_events(spark, names)
    decisions = _logged(events, there)
    tallies: _Tallies = {}
    for one in all_sets().values():
        tallies |= _of_set(events, one, list(asked_of(one, decisions)))
    reads = sum(max((one.reads for one in found.values()), default=0) for found in tallies.values())
    result = ConsistencyResult(tallies, reads, len(rows) - len(there))
    not_whole = len(rows) - len(ahead) - len(whole)
    return DecisionsResult(result, len(rows), len(ahead), not_whole, len(there) - len(decisions))


def _newest(
    names: Names, most: int, *, since: datetime | None, until: datetime | None
) -> list[dict[str, Any]]:
    path = names.table(TOPIC.table)
    wanted = pc.scalar(True)
    if since is not None:
        wanted &= pc.field("occurred_at") >= since
    if until is not None:
        wanted &= pc.field("occurred_at") < until
    try:
        dataset = DeltaTable(path).to_pyarrow_dataset()
    except TableNotFoundError:
        raise LakeError(f"{path}: there are no decisions: start `clicklake score`.") from None
    moments = dataset.to_table(["occurred_at"], filter=wanted)["occurred_at"].cast(pa.int64())
    times = np.sort(moments.to_numpy())
    if not len(times):
        raise LakeError(f"{path}: there are no decisions of that time: start `clicklake score`.")
    oldest = pa.scalar(int(times[max(0, len(times) - most)]), pa.timestamp("us", tz="UTC"))
    found = dataset.to_table(_COLUMNS, filter=wanted & (pc.field("occurred_at") >= oldest))
    at = found.column_names.index("occurred_at")
    plain: list[dict[str, Any]] = found.set_column(
        at, "occurred_at", found["occurred_at"].cast(pa.int64())
    ).to_pylist()
    return plain


def _logged(events: DataFrame, rows: Sequence[_Row]) -> list[Logged]:
    """The decisions at the moments of their features; those without their asking event are left out."""
    asked = _asking(events, [row for row in rows if row["about_offset"] is not None])
    links = _links(events, sorted({row[USER] for row in rows if row[USER] is not None}))
    moments = [
        row["occurred_at"] if row["about_offset"] is None else asked.get(tuple(row[name] for name in _ABOUT))
        for row in rows
    ]
    return [
        Logged.of(row, at=at, links=links) for row, at in zip(rows, moments, strict=True) if at is not None
    ]


def _asking(events: DataFrame, rows: Sequence[_Row]) -> dict[tuple[Any, ...], int]:
    """Place and id of the events that asked → when they were known, UTC microseconds."""
    if not rows:
        return {}
    places = {tuple(row[name] for name in _ABOUT[:3]) for row in rows}
    frame = events.sparkSession.createDataFrame(sorted(places), "topic string, partition int, offset long")
    found = events.join(F.broadcast(frame), list(_PLACE), "left_semi")
    table = found.select(*_PLACE, "event_id", "known_at").toArrow()
    return {tuple(row[name] for name in (*_PLACE, "event_id")): row["known_at"] for row in table.to_pylist()}


def _links(events: DataFrame, users: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """User → the events that name a visitor and the user."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    if users:
        frame = events.sparkSession.createDataFrame([(one,) for one in users], f"{USER} string")
        rows = events.join(F.broadcast(frame), USER, "left_semi").select(VISITOR, USER, *_PLACE)
        for row in rows.toArrow().to_pylist():
            found[row[USER]].append(row)
    return found


def _of_set(events: DataFrame, one: FeatureSet, asked: Sequence[Asked]) -> _Tallies:
    """How the set's columns compare, by the way in which it was asked."""
    found: _Tallies = {}
    for by_user in (False, True):
        mine = [other for other in asked if other.is_by_user == by_user]
        plain = [other for other in mine if other.key is not None and not other.decision.added]
        question, reads = Question(one, by_user), [other.read(one) for other in plain]
        if reads:
            found[question] = compared(one, reads, *concerned(events, question, reads))
        others = [other for other in mine if other.key is None or other.decision.added]
        if others:
            tallies = found.setdefault(question, {output.name: Tally() for output in one.outputs})
            _one_by_one(events, one, others, tallies)
    return found


def _one_by_one(
    events: DataFrame, one: FeatureSet, asked: Sequence[Asked], tallies: Mapping[str, Tally]
) -> None:
    """Count those that name no entity, and those whose caller told of events."""
    keys = {key for other in asked for key in entities(one, other)}
    theirs = None
    if keys:
        reads = [LoggedRead("", key, 0, {}, {}) for key in keys]
        columns = dict.fromkeys([*one.keys, *one.reads, *PLACED, "event_id", VISITOR])
        theirs, _ = concerned(events, Question(one, is_by_user=False), reads, columns=list(columns))
    nothing = State()
    for other in asked:
        read = other.read(one)
        offline = (
            values(one, nothing, at=read.at)
            if theirs is None or other.key is None
            else recomputed(one, other, theirs)
        )
        for name, tally in tallies.items():
            if name in read.values:
                tally.add(read, read.values[name], offline[name], offline[name])
