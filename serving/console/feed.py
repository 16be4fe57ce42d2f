"""Server-sent updates: one thread polls Postgres each second, every viewer gets what changed."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg2
import structlog
from psycopg2.extensions import connection as Connection

from pipelines.connectors.postgres import PostgresAddress, open_connection
from pipelines.errors import ServiceError
from serving.console.snapshot import Service, encode_pulse, read_details, read_figures

_log = structlog.get_logger(__name__)
_POLL_SECONDS = 1.0
_DETAILS_EVERY = 2
_STATEMENT_SECONDS = 2
_RECONNECT_MS = 1000
_SERVICES_RETRY_SECONDS = 10.0


class LiveFeed:
    """What Postgres says now, as server-sent events. Polls only while somebody looks.

    When Postgres is away the last good figures go on being sent, with the time they are from.
    """

    def __init__(
        self, *, address: PostgresAddress, door: Counter[str], services: Callable[[], Sequence[Service]]
    ) -> None:
        self._address = address
        self._door = door
        self._ask_services = services
        self._services: Sequence[Service] = ()
        self._figures: dict[str, Any] = {}
        self._read_at: datetime | None = None
        self._parts: dict[str, tuple[int, bytes]] = {}
        self._version = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._viewers = 0
        self._watched = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-feed", daemon=True)

    @property
    def viewers(self) -> int:
        """How many are looking."""
        return self._viewers

    def start(self) -> None:
        """Start the reader; called within the loop that serves the viewers."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        threading.Thread(target=self._read_services, name="live-feed-services", daemon=True).start()

    def end_streams(self) -> None:
        """End every viewer's stream; called within the loop."""
        self._closing.set()
        self._watched.set()
        self._wake_viewers()

    def stop(self) -> None:
        """Wait for the reader to end."""
        self._closing.set()
        self._watched.set()
        self._thread.join(_STATEMENT_SECONDS + 2)

    async def events(self) -> AsyncIterator[bytes]:
        """Server-sent events of one viewer: all parts at first, then those that changed."""
        self._viewers += 1
        self._watched.set()
        seen = 0
        try:
            yield f"retry: {_RECONNECT_MS}\n\n".encode()
            while not self._closing.is_set():
                news, newest = self._news, self._version
                for name, (version, data) in list(self._parts.items()):
                    if version > seen:
                        yield b"event: %s\ndata: %s\n\n" % (name.partition("/")[0].encode(), data)
                seen = newest
                await news.wait()
        finally:
            self._viewers -= 1
            if not self._viewers:
                self._watched.clear()

    def _read_services(self) -> None:
        # Asking a service its version can take seconds: the figures do not wait for it.
        while not self._closing.is_set():
            try:
                self._services = tuple(self._ask_services())
                return
            except ServiceError as error:
                _log.debug("service_versions_unknown", why=str(error))
                self._closing.wait(_SERVICES_RETRY_SECONDS)

    def _run(self) -> None:
        connection: Connection | None = None
        turn = 0
        while self._wait_for_viewers():
            started = time.monotonic()
            connection = self._poll(connection, with_details=turn % _DETAILS_EVERY == 0)
            turn += 1
            self._closing.wait(max(0.0, _POLL_SECONDS - (time.monotonic() - started)))
        if connection is not None:
            connection.close()

    def _wait_for_viewers(self) -> bool:
        self._watched.wait()
        return not self._closing.is_set()

    def _poll(self, connection: Connection | None, *, with_details: bool) -> Connection | None:
        """Read once and publish; the connection to go on with, or none when it is lost."""
        details: dict[str, bytes] = {}
        try:
            connection = connection or self._connect()
            self._figures = read_figures(connection, now=datetime.now(UTC))
            details = read_details(connection) if with_details else {}
            self._read_at = datetime.now(UTC)
        except (ServiceError, psycopg2.Error) as error:
            _log.debug("live_page_is_stale", why=str(error))
            if connection is not None:
                connection.close()
            connection = None
        pulse = encode_pulse(
            self._figures,
            now=datetime.now(UTC),
            read_at=self._read_at,
            door=self._door.copy(),
            services=self._services,
        )
        self._publish({"pulse": pulse, **details})
        return connection

    def _connect(self) -> Connection:
        return open_connection(
            self._address,
            application="clicklake-live-page",
            statement_seconds=_STATEMENT_SECONDS,
            read_only=True,
        )

    def _publish(self, parts: dict[str, bytes]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._put, parts)

    def _put(self, parts: dict[str, bytes]) -> None:
        self._version += 1
        for name, data in parts.items():
            if name not in self._parts or self._parts[name][1] != data:
                self._parts[name] = (self._version, data)
        self._wake_viewers()

    def _wake_viewers(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
