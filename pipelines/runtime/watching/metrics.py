"""What the streams did, told to Postgres for the live page without ever holding up a stream.

`MetricsWriter.record` puts a report into a bounded queue and returns; one background thread writes.
Of signs of life and states only a query's newest is kept.
While Postgres is away the thread tries again, waiting longer each time, and the oldest reports are
dropped when the queue is full: the lake, not this, is the record of what happened.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import psycopg2
import structlog
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from pipelines.connectors.postgres import PostgresAddress, open_connection
from pipelines.connectors.roles import prepare_database
from pipelines.errors import ServiceError
from pipelines.runtime.backoff import pause_after
from pipelines.runtime.watching.metrics_store import write_beat, write_report, write_state
from pipelines.runtime.watching.reports import BatchReport, DeadLetterExample, QueryState, preview

__all__ = ["BatchReport", "DeadLetterExample", "MetricsWriter", "QueryState", "preview"]

_log = structlog.get_logger(__name__)
_STATEMENT_SECONDS = 5
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 10.0
_Told = TypeVar("_Told")


class MetricsWriter:
    """Writes batch reports to the schema `ops`, which it makes when it is missing.

    Writing a batch twice leaves the same rows as writing it once. `roles` are the passwords of the
    database's roles, by role: with them the roles are made, too.
    """

    def __init__(
        self,
        address: PostgresAddress,
        *,
        roles: Mapping[str, str] | None = None,
        queue_size: int = 1000,
    ) -> None:
        self._address = address
        self._roles = roles
        self._reports: deque[BatchReport] = deque()
        self._queue_size = queue_size
        self._beats: dict[str, float] = {}
        self._states: dict[str, QueryState] = {}
        self._wake = threading.Condition()
        self._closing = False
        self._dropped = 0
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="metrics-writer", daemon=True)
        self._thread.start()

    def record(self, report: BatchReport) -> None:
        """Queue the report. Never raises, never waits for Postgres; the oldest is dropped when full."""
        with self._wake:
            if len(self._reports) >= self._queue_size:
                self._reports.popleft()
                self._dropped += 1
            self._reports.append(report)
            self._wake.notify_all()

    def beat(self, query: str) -> None:
        """Say that the query is alive, also when it has nothing to do. Call it about once a second."""
        with self._wake:
            self._beats[query] = time.time()
            self._wake.notify_all()

    def state(self, told: QueryState) -> None:
        """Say how a query stands. Never raises, never waits for Postgres; the newest of a query counts."""
        with self._wake:
            self._states[told.query] = told
            self._wake.notify_all()

    def flush(self, *, timeout_seconds: float = 5.0) -> bool:
        """Wait until everything queued is written; whether it was within the limit."""
        with self._wake:
            return self._wake.wait_for(lambda: not self._queued(), timeout_seconds)

    def close(self, *, timeout_seconds: float = 5.0) -> None:
        """Write what is queued, within the limit, and end the thread. Harmless when repeated."""
        if not self._thread.is_alive():
            return
        self.flush(timeout_seconds=timeout_seconds)
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        failures = 0
        while self._something_to_do():
            try:
                self._write_next()
                failures = 0
            except (ServiceError, psycopg2.Error) as error:
                self._disconnect()
                failures += 1
                if failures == 1:
                    _log.warning("metrics_not_written", why=str(error), effect="the live page is stale")
                self._pause(pause_after(failures, first=_FIRST_WAIT_SECONDS, longest=_LONGEST_WAIT_SECONDS))
        self._disconnect()

    def _something_to_do(self) -> bool:
        with self._wake:
            self._wake.wait_for(lambda: self._queued() or self._closing)
            return not self._closing

    def _queued(self) -> bool:
        return bool(self._reports or self._beats or self._states)

    def _pause(self, seconds: float) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._closing, seconds)

    def _write_next(self) -> None:
        connection = self._connected()
        with self._wake:
            report = self._reports[0] if self._reports else None
            beats, states = dict(self._beats), dict(self._states)
        if report is not None:
            self._write_one(connection, partial(write_report, report=report), what=report)
        for told in states.values():
            self._write_one(connection, partial(write_state, told=told), what=told)
        for query, beat_at in beats.items():
            with connection, connection.cursor() as cursor:
                write_beat(cursor, query, beat_at)
        self._forget(report, beats, states)

    def _write_one(
        self, connection: Connection, write: Callable[[Cursor], None], *, what: BatchReport | QueryState
    ) -> None:
        try:
            with connection, connection.cursor() as cursor:
                write(cursor)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            raise
        except Exception as error:
            batch_id = what.batch_id if isinstance(what, BatchReport) else None
            _log.warning("report_refused", query=what.query, batch_id=batch_id, why=str(error))

    def _forget(
        self, report: BatchReport | None, beats: Mapping[str, float], states: Mapping[str, QueryState]
    ) -> None:
        with self._wake:
            if report is not None and self._reports and self._reports[0] is report:
                self._reports.popleft()
            _drop_same(self._beats, beats)
            _drop_same(self._states, states)
            dropped, self._dropped = self._dropped, 0
            self._wake.notify_all()
        if dropped:
            _log.warning("reports_dropped", count=dropped, why="Postgres was away for too long")

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = open_connection(
                self._address, application="clicklake-metrics", statement_seconds=_STATEMENT_SECONDS
            )
            prepare_database(self._connection, passwords=self._roles)
            _log.info("metrics_connected", postgres=str(self._address))
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _drop_same(queued: dict[str, _Told], written: Mapping[str, _Told]) -> None:
    """Take away what was written, unless something newer has come meanwhile."""
    for query, told in written.items():
        if queued.get(query) is told:
            del queued[query]
