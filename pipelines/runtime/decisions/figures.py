"""Figures of decisions in Postgres, made of the view `gold.decisions`, in one transaction a run.

Minutes in which decisions came since the last run are counted anew, from the lake; so are blocks with
decisions that were open. Where a block ends is told once and stays.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json, execute_values

from pipelines.connectors.ledger import Entry, newest_entry, write_entry
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress, connect, migrate
from pipelines.contracts.clock import micros, minute_of, moment
from pipelines.contracts.positions import Vector
from pipelines.gold.decisions.figures import BY_MINUTE, JUDGED, cuts, latencies, minutes, scores
from pipelines.gold.problems.problem import Problem
from pipelines.runtime.decisions.build import BUILD_DECISIONS, decisions_until
from pipelines.runtime.decisions.log import DecisionsLog
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
    reached, log = decisions_until(names), DecisionsLog(names)
    with connect(address, application=BUILD_DECISIONS) as connection:
        migrate(connection)
        with connection, connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(hashtext(%s))", (BUILD_DECISIONS,))
            entry = newest_entry(cursor, BUILD_DECISIONS)
            _publish_minutes(cursor, log, since={} if entry is None else entry.positions, now=now)
            for one in problems:
                _publish_blocks(cursor, log, one, size=block, now=now)
            _publish_uplifts(cursor, log, problems, now=now)
            done = Entry(_NO_CHECKPOINT, 0 if entry is None else entry.batch_id + 1, reached, None)
            write_entry(cursor, BUILD_DECISIONS, done)


def _publish_minutes(cursor: Cursor, log: DecisionsLog, *, since: Vector, now: datetime) -> None:
    """Count the minutes anew that have decisions beyond the positions."""
    oldest = now - timedelta(days=KEPT_DAYS)
    for table in _OF_MINUTES:
        cursor.execute(f"delete from decisions.{table} where minute < %s", (oldest,))  # noqa: S608
    times = log.times_beyond(since, oldest=oldest)
    touched = sorted({minute_of(at) for at in times})
    if not touched:
        return
    found = log.between(BY_MINUTE, touched[0], touched[-1] + _MINUTE)
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


def _publish_blocks(cursor: Cursor, log: DecisionsLog, problem: Problem, *, size: int, now: datetime) -> None:
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
    times = log.between(["occurred_at"], last.until_at, None, problem=problem)["occurred_at"].to_pylist()
    ends = cuts(times, size=size)
    starts = [last.until_at, *ends]
    new = [_Block(last.number + 1 + n, starts[n], end) for n, end in enumerate(ends)]
    wanted = [*(block for block, still in there if still and block.until_at > oldest), *new]
    if wanted:
        execute_values(cursor, _BLOCK, [_judged(log, problem, one) for one in wanted])


def _judged(log: DecisionsLog, problem: Problem, block: _Block) -> tuple[Any, ...]:
    found = log.between(JUDGED, block.from_at, block.until_at, problem=problem)
    told = [one._asdict() for one in scores(found, threshold=problem.worth.threshold)]
    number, low, high = block
    named = (problem.name, problem.version, number, moment(low), moment(high))
    return (*named, found.num_rows, found["label"].null_count, Json(told, dumps=_dumps))


def _publish_uplifts(
    cursor: Cursor, log: DecisionsLog, problems: Sequence[Problem], *, now: datetime
) -> None:
    since = now - timedelta(days=KEPT_DAYS)
    cursor.execute("delete from decisions.uplift")
    for problem in problems:
        told = told_uplifts(log, problem, since=since)
        made = [(problem.name, one.action, one.among, since, now, *_numbers(one)) for one in told]
        execute_values(cursor, "insert into decisions.uplift values %s", made)


def _numbers(one: Any) -> tuple[Any, ...]:
    return (one.acted, one.held_out, one.acted_rate, one.held_out_rate, *one.rate, *one.minor)


def _dumps(content: Any) -> str:
    return msgspec.json.encode(content).decode()
