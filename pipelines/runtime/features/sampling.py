"""A reader that samples: what the store and the events in flight say together, logged so as to be proven."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import NamedTuple

import psycopg2
from psycopg2.errors import InvalidSchemaName, UndefinedTable
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from pipelines.connectors.kafka_tail import KafkaTail
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress, open_connection
from pipelines.contracts.positions import Vector, flat
from pipelines.errors import ServiceError
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.in_flight import InFlight
from pipelines.runtime.features.live import SNAPSHOT, read_live, read_users_live
from pipelines.runtime.features.reads_log import ReadsLog
from pipelines.runtime.features.sampled_keys import Question, SampledKeys, questions
from pipelines.runtime.features.tables import live_sets
from pipelines.silver.reading import RecordReader

SAMPLE_FEATURES = "sample_features"
_ROUND_SECONDS = 0.2
_STORED_SECONDS = 10.0
_WRITE_SECONDS = 5.0
_POLL_MS = 20
_NEWEST = "select positions from features.batches order by batch_id desc limit 1"

Clock = Callable[[int | None], int]
"""The moment that values are read for, given the newest event's time; UTC microseconds."""


def now(_newest: int | None) -> int:
    """The clock of this machine."""
    return time.time_ns() // 1_000


def newest_event(newest: int | None) -> int:
    """The newest event's time, for replays of what is long over; now, before the first event."""
    return now(None) if newest is None else newest


class Sources(NamedTuple):
    """Where a sampling reader reads: Kafka's topics, the reader of their records, Postgres."""

    bootstrap: str
    topics: Sequence[str]
    reader: RecordReader
    postgres: PostgresAddress


class Sampled(NamedTuple):
    """Reads that were logged, and questions left out because it could not be said what is covered."""

    reads: int
    skipped: int


def sample(
    sources: Sources, names: Names, *, rate: float, seed: int, clock: Clock, stop: threading.Event
) -> Sampled:
    """Read and log `rate` entities a second until `stop`. Raises `ServiceError` when a service is away."""
    with (
        closing(open_connection(sources.postgres, application=SAMPLE_FEATURES)) as connection,
        KafkaTail(sources.bootstrap, sources.topics) as tail,
    ):
        try:
            with connection, connection.cursor() as cursor:
                since = _positions(cursor)
            in_flight = InFlight(tail, sources.reader, list(all_sets().values()), since=since)
            return _Sampler(connection, in_flight, ReadsLog(names), seed).run(rate, clock, stop)
        except (UndefinedTable, InvalidSchemaName):
            raise ServiceError(
                "The database has no feature sets yet: start `clicklake run stream_lake` once."
            ) from None
        except psycopg2.OperationalError as error:
            why = " ".join(str(error).split())
            raise ServiceError(f"Postgres at {sources.postgres} cannot be used: {why}.") from None


class _Sampler:
    def __init__(self, connection: Connection, in_flight: InFlight, log: ReadsLog, seed: int) -> None:
        self._connection = connection
        self._in_flight = in_flight
        self._log = log
        self._chance = random.Random(seed)  # noqa: S311 - a sample, no secret
        self._keys = SampledKeys(self._chance)
        self._asked: list[Question] = []
        self._newest: int | None = None
        self._skipped = 0

    def run(self, rate: float, clock: Clock, stop: threading.Event) -> Sampled:
        began, owed = time.monotonic(), 0.0
        due = {self._refresh: began, self._log.write: began + _WRITE_SECONDS}
        try:
            while not stop.is_set():
                since = time.monotonic()
                for step, seconds in ((self._refresh, _STORED_SECONDS), (self._log.write, _WRITE_SECONDS)):
                    if since >= due[step]:
                        step()
                        due[step] = since + seconds
                self._follow(until=since + _ROUND_SECONDS)
                owed += rate * (time.monotonic() - since)
                self._round(int(owed), clock)
                owed -= int(owed)
        finally:
            self._log.write()
        return Sampled(self._log.count, self._skipped)

    def _refresh(self) -> None:
        """Look again which sets are live, and which entities are stored."""
        with self._connection, self._connection.cursor() as cursor:
            self._asked = questions(live_sets(cursor))
            self._keys.refresh(cursor, self._asked)

    def _follow(self, *, until: float) -> None:
        """Take in what comes."""
        while (left := until - time.monotonic()) > 0:
            events = self._in_flight.poll(timeout_ms=int(min(left * 1_000, _POLL_MS)))
            if events:
                newest = max(one["occurred_at"] for one in events)
                self._newest = max(newest, self._newest or newest)
                self._keys.note(events, self._asked)

    def _round(self, count: int, clock: Clock) -> None:
        """Read so many entities in one snapshot, for one moment."""
        if not self._asked or not count:
            return
        wanted = Counter(self._chance.choices(self._asked, k=count))
        at = clock(self._newest)
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(SNAPSHOT)
            self._in_flight.overlay.release(_positions(cursor))
            for question, times in wanted.items():
                self._ask(cursor, question, times, at)

    def _ask(self, cursor: Cursor, question: Question, times: int, at: int) -> None:
        keys = self._keys.pick(question, times)
        read = read_users_live if question.is_by_user else read_live
        found = read(cursor, question.feature_set, keys, self._in_flight.overlay, at=at) if keys else []
        for one in found:
            if one.is_whole:
                self._log.add(question, one, at=at)
        self._skipped += any(not one.is_whole for one in found)


def _positions(cursor: Cursor) -> Vector:
    """What the store covers by now."""
    cursor.execute(_NEWEST)
    found = cursor.fetchone()
    return {} if found is None else flat(found[0])
