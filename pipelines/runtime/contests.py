"""What contests came to: in the lake, and in Postgres for dashboards."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake
from psycopg2.extras import execute_values

from pipelines.connectors.delta import ensure_without_spark
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress, connect
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.contests import CONTESTS, Mark

_MARK = ("judged_until", "judged_until_row_id")


def note_contest(names: Names, postgres: PostgresAddress, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add a contest's rows to the lake, then to Postgres what the lake has and it has not.

    Raises `LakeError`, and `ServiceError` where Postgres is away: it gets the rows with the next contest.
    """
    path = names.table(CONTESTS.name)
    ensure_without_spark(CONTESTS, path)
    write_deltalake(path, pa.Table.from_pylist(list(rows), schema=arrow_schema(CONTESTS)), mode="append")
    with connect(postgres, application="contests") as connection, connection, connection.cursor() as cursor:
        cursor.execute("select distinct contest_id from models.contests")
        there = pa.array([contest for (contest,) in cursor], pa.string())
        found = DeltaTable(path).to_pyarrow_table()
        missing = found.filter(pc.invert(pc.is_in(found["contest_id"], there))).to_pylist()
        columns = CONTESTS.column_names
        execute_values(
            cursor,
            f"insert into models.contests ({', '.join(columns)}) values %s on conflict do nothing",  # noqa: S608
            [[row[name] for name in columns] for row in missing],
        )


def learnt_until(names: Names, problem: str, version: int) -> datetime | None:
    """The last decision that a version of the problem's model learnt from; None where nobody noted it."""
    first = _of_version(names, problem, version, ["train_until"])[:1]
    return first[0]["train_until"] if first else None


def judged_between(names: Names, problem: str, version: int) -> tuple[datetime, datetime] | None:
    """The first and the last decision of the block that last judged a version; None where none did."""
    columns = ["judged_from", "judged_until", "average_precision"]
    judged = [row for row in _of_version(names, problem, version, columns) if row["average_precision"]]
    return (judged[-1]["judged_from"], judged[-1]["judged_until"]) if judged else None


def last_judged(names: Names, problem: str) -> Mark | None:
    """The last decision that a contest of the problem was judged by; None before the first."""
    mine = _rows(names, problem, list(_MARK))
    micros = pc.cast(mine[_MARK[0]], pa.int64()).to_pylist()
    return max(map(Mark, micros, mine[_MARK[1]].to_pylist()), default=None)


def _of_version(names: Names, problem: str, version: int, columns: list[str]) -> list[dict[str, Any]]:
    """In the order of the contests."""
    rows = _rows(names, problem, ["version", "held_at", *columns])
    mine = rows.filter(pc.equal(rows["version"], version)).sort_by("held_at")
    found: list[dict[str, Any]] = mine.to_pylist()
    return found


def _rows(names: Names, problem: str, columns: list[str]) -> pa.Table:
    path = names.table(CONTESTS.name)
    ensure_without_spark(CONTESTS, path)
    found = DeltaTable(path).to_pyarrow_table(columns=["problem", *columns])
    return found.filter(pc.equal(found["problem"], problem))
