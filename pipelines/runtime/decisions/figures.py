"""Figures of decisions in Postgres, made of `gold.decisions`: what panels show, one transaction a run.

Minutes in which decisions came since the last run are counted anew, from the lake; so are blocks with
decisions that were open. Where a block ends is told once and stays.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json, execute_values

from pipelines.connectors.ledger import Entry, newest_entry, write_entry
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress, connect, migrate
from pipelines.contracts.clock import micros, minute_of, moment
from pipelines.contracts.decisions import DECISIONS
from pipelines.contracts.positions import Vector
from pipelines.gold.decisions.figures import BY_MINUTE, JUDGED, cuts, latencies, minutes, scores
from pipelines.gold.problems.problem import Problem
from pipelines.runtime.decisions.build import BUILD_DECISIONS, covered_by_decisions
from pipelines.runtime.decisions.uplifts import told_uplifts

KEPT_DAYS = 30
_MINUTE = 60_000_000
_NO_CHECKPOINT = "a job, without a checkpoint"
_OF_MINUTES = ("minutes", "latencies")
_BLOCK = """
insert into decisions.blocks as block
    (problem, problem_version, number, from_at, until_at, decisions, still_open, scores)
values %s
on conflict (problem, problem_version, number) do update
set decisions = excluded.decisions, still_open = excluded.still_open, scores = excluded.scores
"""


class _Block(NamedTuple):
    """A block and its bounds, UTC microseconds; `until_at` excluded."""

    number: int
    from_at: int
    until_at: int


def publish_figures(
    names: Names, address: PostgresAddress, problems: Sequence[Problem], *, block: int, now: datetime
) -> None:
    """Bring the figures up to `gold.decisions`; a block has so many decisions, those at its end's moment too.

    Raises `ServiceError` when Postgres is away.
    """
    path = names.table(DECISIONS.name)
    rows, reached = DeltaTable(path).to_pyarrow_dataset(), covered_by_decisions(path)
    with connect(address, application=BUILD_DECISIONS) as connection:
        migrate(connection)
        with connection, connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", (BUILD_DECISIONS,))
            entry = newest_entry(cursor, BUILD_DECISIONS)
            _publish_minutes(cursor, rows, since={} if entry is None else entry.positions, now=now)
            for one in problems:
                _publish_blocks(cursor, rows, one, size=block, now=now)
            _publish_uplifts(cursor, rows, problems, now=now)
            done = Entry(_NO_CHECKPOINT, reached.batch_id, reached.positions, None)
            write_entry(cursor, BUILD_DECISIONS, done)


def _publish_minutes(cursor: Cursor, rows: ds.Dataset, *, since: Vector, now: datetime) -> None:
    """Count the minutes anew that have decisions beyond the positions."""
    oldest = now - timedelta(days=KEPT_DAYS)
    for table in _OF_MINUTES:
        cursor.execute(f"delete from decisions.{table} where minute < %s", (oldest,))  # noqa: S608
    new = pc.scalar(True)
    for (topic, partition), offset in since.items():
        place = (pc.field("topic") == topic) & (pc.field("partition") == partition)
        new = new & ~(place & (pc.field("offset") < offset))
    times = _in_micros(rows.to_table(["occurred_at"], filter=new & (pc.field("occurred_at") >= oldest)))
    touched = sorted({minute_of(at) for at in times["occurred_at"].to_pylist()})
    if not touched:
        return
    found = _between(rows, BY_MINUTE, touched[0], touched[-1] + _MINUTE)
    starts = pc.multiply(pc.divide(found["occurred_at"], _MINUTE), _MINUTE)
    mine = found.filter(pc.is_in(starts, pa.array(touched)))
    _replace(cursor, "minutes", touched, minutes(mine))
    _replace(cursor, "latencies", touched, latencies(mine))


def _replace(cursor: Cursor, table: str, touched: Sequence[int], counted: Iterable[tuple[Any, ...]]) -> None:
    cursor.execute(
        f"delete from decisions.{table} where minute = any(%s)",  # noqa: S608 - of `_OF_MINUTES`
        ([moment(one) for one in touched],),
    )
    made = [(moment(first), *others) for first, *others in counted]
    execute_values(cursor, f"insert into decisions.{table} values %s", made, page_size=1_000)  # noqa: S608


def _publish_blocks(cursor: Cursor, rows: ds.Dataset, problem: Problem, *, size: int, now: datetime) -> None:
    """Cut the blocks that are whole, and judge anew those that were open."""
    same = {"problem": problem.name, "version": problem.version}
    cursor.execute(
        "select number, from_at, until_at, still_open from decisions.blocks"
        " where problem = %(problem)s and problem_version = %(version)s order by number",
        same,
    )
    there = [(_Block(n, micros(low), micros(high)), still) for n, low, high, still in cursor]
    oldest = micros(now - timedelta(days=KEPT_DAYS))
    last = there[-1][0] if there else _Block(0, oldest, oldest)
    times = _of_problem(rows, ["occurred_at"], problem, last.until_at, None)["occurred_at"].to_pylist()
    ends = cuts(times, size=size)
    starts = [last.until_at, *ends]
    new = [_Block(last.number + 1 + n, starts[n], end) for n, end in enumerate(ends)]
    wanted = [*(block for block, still in there if still and block.until_at > oldest), *new]
    if wanted:
        execute_values(cursor, _BLOCK, [_judged(rows, problem, one) for one in wanted])


def _judged(rows: ds.Dataset, problem: Problem, block: _Block) -> tuple[Any, ...]:
    found = _of_problem(rows, JUDGED, problem, block.from_at, block.until_at)
    told = [one._asdict() for one in scores(found, threshold=problem.worth.threshold)]
    number, low, high = block
    named = (problem.name, problem.version, number, moment(low), moment(high))
    return (*named, found.num_rows, found["label"].null_count, Json(told, dumps=_dumps))


def _publish_uplifts(cursor: Cursor, rows: ds.Dataset, problems: Sequence[Problem], *, now: datetime) -> None:
    since = now - timedelta(days=KEPT_DAYS)
    cursor.execute("delete from decisions.uplift")
    for problem in problems:
        told = told_uplifts(rows, problem, since=since)
        made = [(problem.name, one.action, one.among, since, now, *_numbers(one)) for one in told]
        execute_values(cursor, "insert into decisions.uplift values %s", made)


def _numbers(one: Any) -> tuple[Any, ...]:
    return (one.acted, one.held_out, one.acted_rate, one.held_out_rate, *one.rate, *one.minor)


def _of_problem(
    rows: ds.Dataset, columns: Sequence[str], problem: Problem, since: int, until: int | None
) -> pa.Table:
    wanted = (pc.field("problem") == problem.name) & (pc.field("problem_version") == problem.version)
    return _between(rows, columns, since, until, also=wanted)


def _between(
    rows: ds.Dataset, columns: Sequence[str], since: int, until: int | None, *, also: Any = None
) -> pa.Table:
    """Decisions from `since` until before `until`, UTC microseconds."""
    wanted = pc.field("occurred_at") >= moment(since)
    if until is not None:
        wanted &= pc.field("occurred_at") < moment(until)
    return _in_micros(rows.to_table(list(columns), filter=wanted if also is None else wanted & also))


def _in_micros(found: pa.Table) -> pa.Table:
    if "occurred_at" not in found.column_names:
        return found
    at = found.column_names.index("occurred_at")
    return found.set_column(at, "occurred_at", found["occurred_at"].cast(pa.int64()))


def _dumps(content: Any) -> str:
    return msgspec.json.encode(content).decode()
