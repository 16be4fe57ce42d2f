"""Polling all tables, each at its pace, until told to stop; outages are waited for."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing

import structlog

from pipelines.connectors.kafka import Producer, end_offsets, ensure_topics, planned_topics
from pipelines.connectors.kafka_reader import records_between
from pipelines.connectors.names import Names
from pipelines.connectors.polled_query import PollError, json_rows
from pipelines.connectors.postgres import PostgresAddress
from pipelines.errors import ServiceError
from pipelines.runtime.backoff import pause_after
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.embedded.stack import endpoints
from pipelines.runtime.polling.plan import check_query, polled_address, polled_tables
from pipelines.runtime.polling.table import PolledTable, PollReport, TablePoll
from pipelines.runtime.polling.versions import remember
from pipelines.settings import Settings

log = structlog.get_logger(__name__)
_LOCK_SECONDS = 5.0
_ENVELOPE_BYTES = 1_024  # what Kafka adds to key and value, at most
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0

Told = Callable[[str, PollReport], None]


class Poller:
    """Polls tables into their topics. What was sent is read from Kafka, and anew after its failures."""

    def __init__(self, address: PostgresAddress, bootstrap: str, *, max_message_bytes: int) -> None:
        self._address = address
        self._bootstrap = bootstrap
        self._max_bytes = max_message_bytes
        self._producer: Producer | None = None
        self._polls: dict[str, TablePoll] = {}

    def poll(self, table: PolledTable, stop: threading.Event) -> PollReport:
        """Send what has changed. Raises `ServiceError`; the next call begins where Kafka stands."""
        try:
            rows = json_rows(self._address, table.query, statement_seconds=table.statement_seconds)
            with closing(rows):
                return self._poll_of(table).run(rows, now=time.time_ns() // 1000, stop=stop)
        except PollError:
            raise  # what was handed over before is on its way: the memory holds
        except ServiceError:
            self.close()
            raise

    def close(self) -> None:
        """Forget what was sent, and release the connections."""
        self._polls.clear()
        if self._producer is not None:
            self._producer.close()
            self._producer = None

    def _poll_of(self, table: PolledTable) -> TablePoll:
        name = table.topic.name
        if self._producer is None:
            self._producer = Producer(self._bootstrap, max_message_bytes=self._max_bytes)
        if name not in self._polls:
            sent = records_between(self._bootstrap, {}, end_offsets(self._bootstrap, [name]))
            self._polls[name] = TablePoll(
                table, remember(sent), self._producer, max_bytes=self._max_bytes - _ENVELOPE_BYTES
            )
        return self._polls[name]


def run_polls(settings: Settings, *, once: bool, stop: threading.Event, told: Told) -> None:
    """Poll every table of the settings, `once` or until `stop`; `told` hears of each poll.

    Raises `SettingsError` and `PrerequisiteError` before anything is sent, `ServiceError` when Kafka is
    not there at the start, or when a single poll fails.
    """
    tables = polled_tables(settings.polls)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)

    def own() -> PostgresAddress:
        return endpoints(settings, names=names).postgres.address()

    address = polled_address(settings.polled_postgres, own)
    for table in tables:
        check_query(table, address)
    services = endpoints(settings, names=names)
    limit = settings.kafka.max_message_bytes
    with ExitStack() as stack:
        stack.enter_context(held(names.var_dir / "run" / "poll_tables.lock", limit_seconds=_LOCK_SECONDS))
        ensure_topics(
            services.kafka,
            planned_topics(),
            partitions=settings.kafka.partitions,
            max_message_bytes=limit,
        )
        poller = stack.enter_context(closing(Poller(address, services.kafka, max_message_bytes=limit)))
        if once:
            for table in tables:
                told(table.topic.name, poller.poll(table, stop))
        else:
            _poll_until(stop, tables, poller.poll, told)


def _poll_until(
    stop: threading.Event,
    tables: Sequence[PolledTable],
    poll: Callable[[PolledTable, threading.Event], PollReport],
    told: Told,
) -> None:
    due = {table.topic.name: 0.0 for table in tables}
    failures = dict.fromkeys(due, 0)
    while not stop.is_set():
        table = min(tables, key=lambda one: due[one.topic.name])
        name = table.topic.name
        if stop.wait(max(0.0, due[name] - time.monotonic())):
            return
        began = time.monotonic()
        try:
            told(name, poll(table, stop))
            failures[name] = 0
            due[name] = began + table.every_seconds
        except ServiceError as error:
            failures[name] += 1
            pause = pause_after(failures[name], first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
            due[name] = time.monotonic() + pause
            log.warning("poll_failed", topic=name, why=str(error), next_try_seconds=pause)
