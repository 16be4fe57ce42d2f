"""A connection to Postgres that never keeps the loop waiting for longer than it is told."""

import math
import select
import time
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_WRITE

from pipelines.connectors.postgres import PostgresAddress

_STUCK_SECONDS = 3.0
_OPTIONS = {
    "timezone": "UTC",
    "default_transaction_read_only": "on",
    "statement_timeout": "2000",
    # What is asked is always a few rows by their keys; plans must not change with guesses about a table.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}


class BoundedConnection:
    """One statement at a time, each its own snapshot.

    After `TimeoutError` it still owes an answer: until that has come and is thrown away, further statements
    are refused at once, with the same error.
    """

    def __init__(self, address: PostgresAddress, *, application: str, seconds: float) -> None:
        """Connect within so many seconds. Raises `psycopg2.Error`, `TimeoutError`."""
        self._connection = psycopg2.connect(
            host=address.host,
            port=address.port,
            dbname=address.database,
            user=address.user,
            password=address.password,
            application_name=application,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=2,
            tcp_user_timeout=10_000,
            options=" ".join(f"-c {name}={value}" for name, value in _OPTIONS.items()),
            async_=True,
        )
        self._late_since: float | None = None
        self._wait(time.monotonic() + seconds)
        self._cursor = self._connection.cursor()

    def run(self, statement: str, *, seconds: float) -> Sequence[tuple[Any, ...]]:
        """The rows of a statement. Raises `psycopg2.Error`, and `TimeoutError` once the time is over."""
        until = time.monotonic() + seconds
        if self._late_since is not None:
            self._settle()
        self._cursor.execute(statement)
        self._wait(until)
        return self._cursor.fetchall() if self._cursor.description else ()

    @property
    def is_stuck(self) -> bool:
        """Whether it has owed an answer for so long that none will come."""
        return self._late_since is not None and time.monotonic() - self._late_since > _STUCK_SECONDS

    def prepare(self, statements: Iterable[str], *, seconds: float) -> None:
        """Run statements that give no rows, all of them within so many seconds; raises as `run`."""
        until = time.monotonic() + seconds
        for one in statements:
            self.run(one, seconds=until - time.monotonic())

    def close(self) -> None:
        """Let go of the connection, whatever it is at."""
        self._connection.close()

    def _settle(self) -> None:
        if self._connection.poll() != POLL_OK:
            raise TimeoutError("Postgres still owes an earlier answer")
        self._late_since = None

    def _wait(self, until: float) -> None:
        while (state := self._connection.poll()) != POLL_OK:
            left = until - time.monotonic()
            waiting = select.poll()
            waiting.register(
                self._connection.fileno(), select.POLLOUT if state == POLL_WRITE else select.POLLIN
            )
            if left <= 0 or not waiting.poll(math.ceil(left * 1_000)):
                self._late_since = time.monotonic()
                raise TimeoutError("Postgres did not answer in time")
