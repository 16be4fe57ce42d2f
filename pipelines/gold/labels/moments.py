"""Decisions and outcomes of all problems, picked out of feature events. Arrow in, Arrow out."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gold.features.event import ORDER_KINDS
from pipelines.gold.problems.problem import Problem

DECISION, OUTCOME = "decision", "outcome"
"""The sides of the join."""
MOMENT = pa.schema(
    [
        pa.field("side", pa.string()),
        pa.field("key", pa.string()),
        pa.field("happened_at", pa.timestamp("us", tz="UTC")),
        pa.field("event_id", pa.string()),
        pa.field("known_at", pa.int64()),
        pa.field("problem", pa.string()),
        pa.field("problem_version", pa.int32()),
        pa.field("horizon_seconds", pa.int32()),
        pa.field("visitor_id", pa.string()),
        pa.field("user_id", pa.string()),
        pa.field("session_id", pa.string()),
        pa.field("product_id", pa.string()),
        pa.field("topic", pa.string()),
        pa.field("partition", pa.int32()),
        pa.field("offset", pa.int64()),
        pa.field("slices", pa.string()),
    ]
)
"""One row per event and side of a problem that it is on, and per side a row that tells the time.

`key`: JSON array of the problem, its version and the values of its keys; decisions meet outcomes of the
same. `slices`: JSON object. Rows that tell the time have no problem, and a key that meets nothing.
"""
_DATA = ("visitor_id", "user_id", "session_id", "product_id", "topic", "partition", "offset")
_OF_ALL = ("kind", "event_id", "occurred_at", "known_at", *_DATA)


class Moments:
    """For mapInArrow on feature events: their moments.

    An event that lacks one of a problem's keys is not on any side of it: nobody could say what became of
    it. Orders tell no time: read from a backlog, they run ahead of the clicks, which would be late then.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self._problems = list(problems)

    @property
    def reads(self) -> list[str]:
        """The columns of the events that are looked at."""
        found = set(_OF_ALL)
        for one in self._problems:
            found |= {*one.keys, *one.slices} | one.decision.reads | one.outcome.reads
        return sorted(found)

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The moments of each batch."""
        for batch in batches:
            events = pa.Table.from_batches([batch])
            for one in self._problems:
                yield from _side(events.filter(pa.array(one.decision.of_rows(events))), one, DECISION)
                yield from _side(events.filter(pa.array(one.outcome.of_rows(events))), one, OUTCOME)
            yield from _time(events)


def _side(events: pa.Table, problem: Problem, side: str) -> Iterator[pa.RecordBatch]:
    for name in problem.keys:
        events = events.filter(pc.is_valid(events[name]))
    if events.num_rows:
        yield from _rows(
            events,
            side=[side] * events.num_rows,
            key=keys_of(events, problem),
            problem=[problem.name] * events.num_rows,
            problem_version=[problem.version] * events.num_rows,
            horizon_seconds=[problem.horizon_seconds] * events.num_rows,
            slices=_objects(events.select(list(problem.slices))),
        )


def keys_of(events: pa.Table, problem: Problem) -> list[str]:
    """By what decisions meet outcomes: JSON of the problem, its version and the values of its keys."""
    columns = [events[name].to_pylist() for name in problem.keys]
    rows = zip(*columns, strict=True)
    return [msgspec.json.encode((problem.name, problem.version, *row)).decode() for row in rows]


def _objects(rows: pa.Table) -> list[str]:
    if not rows.num_columns:
        return ["{}"] * rows.num_rows
    known = ({name: text for name, text in row.items() if text is not None} for row in rows.to_pylist())
    return [msgspec.json.encode(row).decode() for row in known]


def _time(events: pa.Table) -> Iterator[pa.RecordBatch]:
    """A row a side at the time of the newest click: a side without events of its own holds nothing up."""
    orders = pa.array(ORDER_KINDS.values(), pa.string())
    clicks = events.filter(pc.invert(pc.is_in(events["kind"], orders)))
    if clicks.num_rows:
        newest = clicks.take(pc.sort_indices(clicks["occurred_at"])[-1:])
        for side in (DECISION, OUTCOME):
            yield from _rows(newest.select(["occurred_at"]), side=[side], key=[f"time of {side}s"])


def _rows(events: pa.Table, **made: Sequence[Any]) -> Iterator[pa.RecordBatch]:
    there = {name: events[name] for name in events.column_names}
    there["happened_at"] = there["occurred_at"].cast(MOMENT.field("happened_at").type)
    nothing = pa.nulls(events.num_rows)
    columns = {
        one.name: pa.array(made[one.name], one.type)
        if one.name in made
        else _one(there.get(one.name, nothing)).cast(one.type)
        for one in MOMENT
    }
    yield from pa.table(columns, schema=MOMENT).to_batches()


def _one(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
