"""Reads the panels for all viewers: one connection, one thread, each answer kept for a moment."""

import time
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec
import psycopg2
import structlog
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import new_type, register_type

from pipelines.connectors.panel_reader import Parameters, read_models, read_panels
from pipelines.connectors.postgres import PostgresAddress, open_connection
from pipelines.contracts.panel import Panel
from pipelines.contracts.panels import all_panels
from pipelines.errors import ServiceError
from serving.dashboards.choice import Choice, resolve

_log = structlog.get_logger(__name__)
_FRESH_SECONDS = 2.0
_MODELS_SECONDS = 30.0
_STATEMENT_SECONDS = 3
_KEPT = 64
_NUMBERS = new_type((1700,), "NUMERIC", lambda text, _cursor: None if text is None else float(text))
_encoder = msgspec.json.Encoder(enc_hook=str)
_AWAY = "Postgres does not answer, or has not been set up by a stream yet."


@dataclass(frozen=True)
class Reading:
    """JSON of a board's panels, when it was read (monotonic), and why it is not of now, if it is not."""

    body: bytes
    at: float
    problem: str | None = None


class PanelReader:
    """What the panels say now. While Postgres is away, what they said last to the same choice."""

    def __init__(self, address: PostgresAddress) -> None:
        self._address = address
        self._connection: Connection | None = None
        self._models: dict[str, list[int]] = {}
        self._models_at: float | None = None
        self._kept: OrderedDict[Choice, Reading] = OrderedDict()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="panels")

    def ask(self, choice: Choice) -> "Future[Reading]":
        """The reading to come; its future raises `BadChoiceError`."""
        return self._thread.submit(self._read, choice)

    def stop(self) -> None:
        """Wait for the reading under way."""
        self._thread.shutdown(cancel_futures=True)
        self._disconnect()

    def _read(self, choice: Choice) -> Reading:
        kept = self._kept.get(choice)
        if kept is not None and time.monotonic() - kept.at < _FRESH_SECONDS:
            return kept
        try:
            fresh = Reading(self._body(choice), time.monotonic())
        except (ServiceError, psycopg2.Error) as error:
            _log.warning("panels_are_stale", why=" ".join(str(error).split()))
            self._disconnect()
            return Reading(b"null", time.monotonic(), _AWAY) if kept is None else replace(kept, problem=_AWAY)
        self._kept[choice] = fresh
        self._kept.move_to_end(choice)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return fresh

    def _body(self, choice: Choice) -> bytes:
        connection = self._connected()
        models = self._known_models(connection)
        model, look_back = resolve(choice, models)
        span = timedelta(minutes=choice.minutes)
        asked = Parameters.last(span, until=datetime.now(UTC), model=model, look_back=look_back)
        panels = {name: one for name, one in all_panels().items() if choice.board in (None, one.board)}
        answers = list(read_panels(connection, list(panels.values()), asked))
        return _encoder.encode(
            {
                "boards": sorted({panel.board for panel in all_panels().values()}),
                "models": models,
                "chosen": {**asdict(asked), "step": asked.step.total_seconds(), "minutes": choice.minutes},
                "panels": [
                    {"name": name, **_drawn(panel), **asdict(answer)}
                    for (name, panel), answer in zip(panels.items(), answers, strict=True)
                ],
            }
        )

    def _known_models(self, connection: Connection) -> dict[str, list[int]]:
        now = time.monotonic()
        if not self._models or self._models_at is None or now - self._models_at > _MODELS_SECONDS:
            self._models, self._models_at = read_models(connection), now
        return self._models

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = open_connection(
                self._address,
                application="clicklake-dashboards",
                statement_seconds=_STATEMENT_SECONDS,
                read_only=True,
            )
            register_type(_NUMBERS, self._connection)
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _drawn(panel: Panel) -> dict[str, object]:
    """All that a screen needs to draw it."""
    drawn = {key: value for key, value in asdict(panel).items() if key != "sql"}
    return {**drawn, "takes": sorted(panel.takes)}
