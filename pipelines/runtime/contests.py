"""What contests came to: in the lake, and in Postgres for dashboards."""

from collections.abc import Mapping, Sequence
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
    """Add a contest's rows to the lake, then to Postgres. Raises `LakeError`, `ServiceError`."""
    path = names.table(CONTESTS.name)
    ensure_without_spark(CONTESTS, path)
    write_deltalake(path, pa.Table.from_pylist(list(rows), schema=arrow_schema(CONTESTS)), mode="append")
    columns = CONTESTS.column_names
    with connect(postgres, application="contests") as connection, connection, connection.cursor() as cursor:
        execute_values(
            cursor,
            f"insert into models.contests ({', '.join(columns)}) values %s on conflict do nothing",  # noqa: S608
            [[row[name] for name in columns] for row in rows],
        )


def last_judged(names: Names, problem: str) -> Mark | None:
    """The last decision that a contest of the problem was judged by; None before the first."""
    path = names.table(CONTESTS.name)
    ensure_without_spark(CONTESTS, path)
    found = DeltaTable(path).to_pyarrow_table(columns=["problem", *_MARK])
    mine = found.filter(pc.equal(found["problem"], problem))
    micros = pc.cast(mine[_MARK[0]], pa.int64()).to_pylist()
    return max(map(Mark, micros, mine[_MARK[1]].to_pylist()), default=None)
