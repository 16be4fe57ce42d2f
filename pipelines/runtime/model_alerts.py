"""Alerts about champions in Postgres: raised once, seen again, and cleared."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from pipelines.connectors.postgres import PostgresAddress, connect

_RAISE = """
insert into models.alerts (problem, kind, subject, version, value, bound, message, raised_at, seen_at)
values (%(problem)s, %(kind)s, %(subject)s, %(version)s, %(value)s, %(bound)s, %(message)s, %(at)s, %(at)s)
on conflict (problem, kind, subject) where cleared_at is null do update
set version = excluded.version, value = excluded.value, bound = excluded.bound,
    message = excluded.message, seen_at = excluded.seen_at
"""
_CLEAR = "update models.alerts set cleared_at = %s where problem = %s and cleared_at is null and seen_at < %s"


class ModelAlert(NamedTuple):
    """Something about a champion that has passed its limit."""

    kind: str
    subject: str
    value: float
    bound: float
    message: str


def note_alerts(
    postgres: PostgresAddress, problem: str, alerts: Sequence[ModelAlert], *, version: int, at: datetime
) -> int:
    """These stand now, no others of the problem; how many were cleared. Raises `ServiceError`."""
    with connect(postgres, application="models") as connection, connection, connection.cursor() as cursor:
        for one in alerts:
            cursor.execute(_RAISE, one._asdict() | {"problem": problem, "version": version, "at": at})
        cursor.execute(_CLEAR, (at, problem, at))
        return int(cursor.rowcount)
