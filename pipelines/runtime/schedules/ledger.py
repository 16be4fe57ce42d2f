"""The runs of scheduled jobs in Postgres: `ops.scheduled_jobs` and `ops.scheduled_runs`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import psycopg2
from psycopg2.errors import InvalidSchemaName, UndefinedTable
from psycopg2.extensions import cursor as Cursor

from pipelines.connectors.postgres import PostgresAddress, connect, migrate
from pipelines.errors import ServiceError
from pipelines.runtime.schedules.due import Past

LONGEST_LINE = 400
_STATEMENT_SECONDS = 10
_KEPT = 200
_ADD = "insert into ops.scheduled_jobs (job, since) values (%s, %s) on conflict (job) do nothing"
_BREAK_OFF = """
update ops.scheduled_runs set ended_at = %s, last_line = 'its scheduler was killed'
where ended_at is null
"""
_PAST = """
select jobs.job, jobs.since, newest.due_at, newest.started_at, newest.ended_at, newest.exit_code,
    newest.last_line, coalesce(tries.count, 0),
    (select max(due_at) from ops.scheduled_runs where job = jobs.job and exit_code = 0)
from ops.scheduled_jobs as jobs
left join lateral (
    select * from ops.scheduled_runs where job = jobs.job order by due_at desc, started_at desc limit 1
) as newest on true
left join lateral (
    select count(*)::integer from ops.scheduled_runs where job = jobs.job and due_at = newest.due_at
) as tries on true
where jobs.job = any(%s)
"""
_BEGIN = "insert into ops.scheduled_runs (job, due_at, started_at) values (%s, %s, %s)"
_END = """
update ops.scheduled_runs set ended_at = %s, exit_code = %s, last_line = %s
where job = %s and due_at = %s and started_at = %s
"""
_TRIM = """
delete from ops.scheduled_runs where job = %(job)s and (due_at, started_at) < (
    select due_at, started_at from ops.scheduled_runs where job = %(job)s
    order by due_at desc, started_at desc offset %(kept)s limit 1
)
"""


class Ledger:
    """Reads and writes runs, each time by a connection of its own: it is asked a few times an hour.

    Every method raises `ServiceError` when Postgres cannot be used.
    """

    def __init__(self, address: PostgresAddress) -> None:
        self._address = address

    def open(self, jobs: Sequence[str], *, now: datetime) -> None:
        """Make the tables that are missing, note jobs that are new, end runs of a scheduler that is gone."""
        with connect(self._address, statement_seconds=_STATEMENT_SECONDS) as connection:
            migrate(connection)
        with self._cursor() as cursor:
            for job in jobs:
                cursor.execute(_ADD, (job, now))
            cursor.execute(_BREAK_OFF, (now,))

    def past(self, jobs: Sequence[str]) -> dict[str, Past]:
        """What was run of those of the jobs that a scheduler has known; nothing before the first."""
        try:
            with self._cursor() as cursor:
                cursor.execute(_PAST, (list(jobs),))
                return {job: Past(*rest) for job, *rest in cursor}
        except (UndefinedTable, InvalidSchemaName):
            return {}

    def begin(self, job: str, due_at: datetime, *, now: datetime) -> None:
        """Note that a run begins. A run that is not noted must not be started."""
        with self._cursor() as cursor:
            cursor.execute(_BEGIN, (job, due_at, now))

    def end(
        self,
        job: str,
        due_at: datetime,
        *,
        started_at: datetime,
        now: datetime,
        exit_code: int | None,
        last_line: str,
    ) -> None:
        """Note how the run ended; exit code null: it was broken off. The oldest runs are forgotten."""
        text = last_line.replace("\x00", "")[:LONGEST_LINE]
        with self._cursor() as cursor:
            cursor.execute(_END, (now, exit_code, text, job, due_at, started_at))
            cursor.execute(_TRIM, {"job": job, "kept": _KEPT - 1})

    @contextmanager
    def _cursor(self) -> Iterator[Cursor]:
        with connect(self._address, statement_seconds=_STATEMENT_SECONDS) as connection:
            try:
                with connection, connection.cursor() as cursor:
                    yield cursor
            except (UndefinedTable, InvalidSchemaName):
                raise
            except psycopg2.Error as error:
                why = " ".join(str(error).split())
                raise ServiceError(f"Postgres at {self._address}: {why}.") from None
