"""Answers of panels: their statements run against Postgres."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import psycopg2
from psycopg2.extensions import connection as Connection

from pipelines.contracts.panel import Panel

MOST_ROWS = 5000
_PLACEHOLDERS = {
    "since": "%(since)s",
    "until": "%(until)s",
    "model": "%(model)s::text",
    "look_back": "%(look_back)s::integer",
    "step": "%(step)s",
}
_STEPS = [timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1440)]
_MOST_BUCKETS = 125
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Parameters:
    """What is asked of all panels of a screen. `since` is included, `until` is not; both in UTC."""

    since: datetime
    until: datetime
    model: str
    look_back: int
    step: timedelta

    @classmethod
    def last(cls, span: timedelta, *, until: datetime, model: str, look_back: int) -> "Parameters":
        """The last `span` before `until`, begun at a whole bucket, in at most 125 buckets up to 125 days."""
        step = next((step for step in _STEPS if span / step <= _MOST_BUCKETS - 1), _STEPS[-1])
        since = until - span
        return cls(since - (since - _EPOCH) % step, until, model, look_back, step)


@dataclass(frozen=True)
class Answer:
    """Rows of a panel, in order, or why there are none. Of more than 5000 rows the first are here."""

    fields: list[str]
    rows: list[tuple[object, ...]]
    problem: str | None = None


def read_models(connection: Connection) -> dict[str, list[int]]:
    """Attribution models that credit was given under, with their look-backs in seconds, both in order."""
    found: dict[str, list[int]] = {}
    with connection, connection.cursor() as cursor:
        cursor.execute("select model, look_back_seconds from dashboard.models order by 1, 2")
        for model, look_back in cursor:
            found.setdefault(model, []).append(look_back)
    return found


def read_panels(connection: Connection, panels: list[Panel], asked: Parameters) -> Iterator[Answer]:
    """The panels' answers, all from one snapshot. A statement that fails is told in its own answer.

    Raises `psycopg2.Error` when the connection is lost.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        for panel in panels:
            cursor.execute("savepoint panel")
            try:
                cursor.execute(panel.render(_PLACEHOLDERS, percent="%%"), asdict(asked))
                fields = [column.name for column in cursor.description or ()]
                yield Answer(fields, cursor.fetchmany(MOST_ROWS))
            except psycopg2.errors.QueryCanceled:
                yield Answer([], [], "This took too long: choose a shorter time.")
            except (psycopg2.ProgrammingError, psycopg2.DataError) as error:
                yield Answer([], [], " ".join(str(error).splitlines()[:1]))
            cursor.execute("rollback to savepoint panel")
