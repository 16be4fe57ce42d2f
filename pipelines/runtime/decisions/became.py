"""What became of decisions, by the lake: labels of the events that asked, else outcomes by keys."""

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import Names
from pipelines.contracts.clock import moment
from pipelines.contracts.labels import LABELS
from pipelines.gold.decisions.outcomes import MICROS, Outcome, Place, outcomes_by_keys
from pipelines.gold.features.event import TABLES, of_rows, table_of
from pipelines.gold.problems.problem import Problem

Became = Callable[[pa.Table], list[Outcome | None]]
"""Decisions → what became of each in their order; None: open."""
_EVENTS = TABLES[0]
_ASKED = ("problem", "problem_version", "about_topic", "about_partition", "about_offset", "about_event")
_LABELLED = ("problem", "problem_version", "topic", "partition", "offset", "row_id")
_PLACE = ("topic", "partition", "offset")
_VISITORS = "visitors_asked_about"
_AtHand = tuple[object, ...]


def what_became(names: Names, problems: Sequence[Problem], *, late_seconds: int) -> Became:
    """As the lake says now. What no label tells is final `late_seconds` behind the newest click."""
    lake = LakeReader(names)

    def became(decisions: pa.Table) -> list[Outcome | None]:
        if not decisions.num_rows:
            return []
        rows = _in_micros(decisions)
        labelled = _labels(names, rows)
        alone = rows.filter(pc.is_null(rows["about_offset"]))
        by_keys = _by_keys(lake, alone, problems, late_seconds=late_seconds) if alone.num_rows else {}
        asked = zip(*(rows[name].to_pylist() for name in _ASKED), strict=True)
        places = zip(*(rows[name].to_pylist() for name in _PLACE), strict=True)
        return [labelled.get(key) or by_keys.get(place) for key, place in zip(asked, places, strict=True)]

    return became


def _in_micros(decisions: pa.Table) -> pa.Table:
    number = decisions.column_names.index("occurred_at")
    return decisions.set_column(number, "occurred_at", decisions["occurred_at"].cast(pa.int64()))


def _labels(names: Names, decisions: pa.Table) -> dict[_AtHand, Outcome]:
    """Asking event → what became of the decision, of those that are labelled."""
    asked = decisions.filter(pc.is_valid(decisions["about_offset"]))
    if not asked.num_rows:
        return {}
    bounds = pc.min_max(asked["about_offset"])
    wanted = (pc.field("problem").isin(asked["problem"].unique().to_pylist())) & (
        (pc.field("offset") >= bounds["min"]) & (pc.field("offset") <= bounds["max"])
    )
    try:
        dataset = DeltaTable(names.table(LABELS.name)).to_pyarrow_dataset()
    except TableNotFoundError:
        return {}
    found = dataset.to_table(columns=[*_LABELLED, "label", "outcome_at"], filter=wanted)
    keys = zip(*(found[name].to_pylist() for name in _LABELLED), strict=True)
    times = found["outcome_at"].cast(pa.int64()).to_pylist()
    outcomes = map(Outcome, found["label"].to_pylist(), times)
    return dict(zip(keys, outcomes, strict=True))


def _by_keys(
    lake: LakeReader, decisions: pa.Table, problems: Sequence[Problem], *, late_seconds: int
) -> dict[Place, Outcome]:
    newest = lake.rows(f"select epoch_us(max(occurred_at)) as at from {_EVENTS}")[0]["at"]  # noqa: S608
    if newest is None:
        return {}
    events = _events(lake, decisions, longest=max(one.horizon_seconds for one in problems))
    return outcomes_by_keys(decisions, events, problems, passed=newest - late_seconds * MICROS)


def _events(lake: LakeReader, decisions: pa.Table, *, longest: int) -> pa.Table:
    """What these visitors did from the first of the decisions to the longest horizon after the last one."""
    times = pc.min_max(decisions["occurred_at"])
    since, until = times["min"].as_py(), times["max"].as_py() + longest * MICROS
    lake.lend(_VISITORS, pa.table({"visitor_id": decisions["visitor_id"].unique()}))
    found = []
    for table in (one for one in TABLES if one in lake.tables):
        statement = (
            f"select * from {table} where visitor_id in (from {_VISITORS})"  # noqa: S608 - declared names
            " and occurred_at > ? and occurred_at <= ?"
        )
        rows = lake.query(statement, [moment(since), moment(until)]).to_arrow_table()
        found += of_rows(table, rows)
    return table_of(found)
