"""The online store as the loop reads it: at once, or not at all. A thread beside it keeps a connection ready.

Connections are opened, statements are prepared and live sets are looked up in that thread; the loop takes
what is there and gives it up when it fails, without trying again.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

import psycopg2
import structlog
from psycopg2.errors import InvalidSchemaName, UndefinedTable

from pipelines.connectors.postgres import PostgresAddress, open_connection
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.runtime.backoff import pause_after
from pipelines.runtime.features.reading import USER
from pipelines.runtime.features.tables import live_sets
from serving.state.asking import FormName
from serving.state.connection import BoundedConnection
from serving.state.entities import Keys
from serving.state.rows import Covered, Positions, Rows, Stored
from serving.state.statements import Statement

_log = structlog.get_logger(__name__)
_APPLICATION = "scorer"
_OPEN_SECONDS = 5.0
_PAUSES = {"first": 0.1, "longest": 5.0}
_SHORT_SECONDS = 5.0
"""A connection that is given up sooner counts as a failure: the next one comes later."""

Named = tuple[str, ...]
"""Sets by name."""


class Asked(NamedTuple):
    """The entities of one question, the moment in UTC microseconds, further visitors of its user."""

    keys: Keys
    at: int
    linked: Sequence[str] = ()


class Reading(NamedTuple):
    """One snapshot: what it covers, the sets that are in it, and what is stored for each question."""

    covered: Covered
    sets: Mapping[str, FeatureSet]
    stored: Sequence[Stored]


class _Ready(NamedTuple):
    """A connection, and what is prepared there."""

    connection: BoundedConnection
    live: Mapping[str, FeatureSet]
    statements: Mapping[tuple[Named, FormName], tuple[Statement, Rows]]
    since: float


class Store:
    """Reads these combinations of sets by name, each in one statement. `seconds`: what a read may take."""

    def __init__(
        self,
        address: PostgresAddress,
        asked: Iterable[Named],
        *,
        seconds: float = 0.05,
        look_seconds: float = 10.0,
    ) -> None:
        self._address = address
        self._asked = list(dict.fromkeys(tuple(names) for names in asked))
        self._seconds = seconds
        self._look_seconds = look_seconds
        self._positions = Positions()
        self._ready: _Ready | None = None
        self._ends, self._wake = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep, name="store-keeper", daemon=True)
        self.covered: Covered | None = None

    @property
    def asked(self) -> Sequence[Named]:
        """The combinations of sets that are read."""
        return self._asked

    @property
    def is_ready(self) -> bool:
        """Whether there is a connection that has not failed."""
        return self._ready is not None

    def start(self, *, wait_seconds: float = 0.0) -> None:
        """Begin to keep a connection, and wait so long at most for the first one."""
        self._thread.start()
        until = time.monotonic() + wait_seconds
        while self._ready is None and time.monotonic() < until:
            time.sleep(0.01)

    def close(self) -> None:
        """Give up the connection for good."""
        self._ends.set()
        self._wake.set()
        self._thread.join()
        if self._ready:
            self._ready.connection.close()

    def read(self, names: Named, questions: Sequence[Asked]) -> Reading | None:
        """What is stored, all in one snapshot; None where Postgres does not answer in time."""
        ready = self._ready
        if ready is None:
            return None
        is_plain = len(questions) == 1 and not questions[0].linked and questions[0].keys.get(USER) is None
        statement, rows = ready.statements[names, "visitor" if is_plain else "several"]
        linked = [(place, one) for place, asked in enumerate(questions, 1) for one in asked.linked]
        text = statement.execute([one.keys for one in questions], linked, [one.at for one in questions])
        try:
            answer = ready.connection.run(text, seconds=self._seconds)
        except TimeoutError as error:
            if ready.connection.is_stuck:
                self._give_up(ready, error)
            return None
        except psycopg2.Error as error:
            self._give_up(ready, error)
            return None
        covered, stored = rows.read(answer, questions=len(questions))
        self.covered = covered
        return Reading(covered, statement.sets, stored)

    def _give_up(self, ready: _Ready, error: Exception) -> None:
        ready.connection.close()
        self._ready = None
        self._wake.set()
        _log.warning("store_given_up", why=" ".join(str(error).split()))

    def _keep(self) -> None:
        """Make a connection where there is none, and another one when other sets are live."""
        failures = 0
        while not self._ends.is_set():
            try:
                ready = self._look()
            except Exception as error:  # whatever it is, even a set's broken file: it is tried again
                failures += 1
                _log.warning("store_away", why=" ".join(str(error).split()))
                self._ends.wait(pause_after(failures, **_PAUSES))
                continue
            self._wake.wait(self._look_seconds)
            self._wake.clear()
            if self._ready is None and time.monotonic() - ready.since < _SHORT_SECONDS:
                failures += 1
                self._ends.wait(pause_after(failures, **_PAUSES))
            else:
                failures = 0

    def _look(self) -> _Ready:
        live = self._live()
        ready = self._ready
        if ready is None or ready.live != live:
            ready = self._opened(live)
            # Whoever reads at this moment keeps the connection that it has; it ends with that read.
            self._ready = ready
            _log.info("store_ready", sets=sorted(live))
        return ready

    def _live(self) -> dict[str, FeatureSet]:
        with (
            closing(open_connection(self._address, application=_APPLICATION, statement_seconds=5)) as there,
            there.cursor() as cursor,
        ):
            try:
                return {one.name: one for one in live_sets(cursor)}
            except (InvalidSchemaName, UndefinedTable):
                return {}

    def _opened(self, live: Mapping[str, FeatureSet]) -> _Ready:
        statements = {key: (one, Rows(one, self._positions)) for key, one in _statements(self._asked, live)}
        connection = BoundedConnection(self._address, application=_APPLICATION, seconds=_OPEN_SECONDS)
        try:
            texts = [statement.prepare for statement, _ in statements.values()]
            connection.prepare(texts, seconds=_OPEN_SECONDS)
            for statement, rows in statements.values():
                answer = connection.run(statement.execute([{}], [], [0]), seconds=_OPEN_SECONDS)
                self.covered = rows.read(answer, questions=1)[0]
        except BaseException:
            connection.close()
            raise
        return _Ready(connection, live, statements, time.monotonic())


def _statements(
    asked: Sequence[Named], live: Mapping[str, FeatureSet]
) -> Iterator[tuple[tuple[Named, FormName], Statement]]:
    forms: tuple[FormName, ...] = ("visitor", "several")
    for number, names in enumerate(asked):
        there = [live[name] for name in names if name in live]
        for form in forms:
            yield (names, form), Statement(f"{form}_{number}", there, form)
