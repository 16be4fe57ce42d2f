"""What the live page shows, read from Postgres in one go and cut into parts that change apart."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg2
from psycopg2.extensions import connection as Connection

from pipelines.runtime.watching import observe
from pipelines.runtime.watching.observe_queries import query_states

RATE_SECONDS = 180
_EXAMPLES = 5
_ROWS = 10
_PREVIEW_CHARACTERS = 600
_FRESH_WINDOW = timedelta(minutes=1)
_encoder = msgspec.json.Encoder(enc_hook=str)


@dataclass(frozen=True)
class Service:
    """A service or library of this run: its version, and where it can be looked at."""

    name: str
    version: str | None
    url: str | None = None


def read_figures(connection: Connection, *, now: datetime) -> dict[str, Any]:
    """The figures that move each second: rate, freshness, totals, queries. Empty before any report."""
    try:
        with connection:
            return {
                "queries": query_states(connection, now=now),
                "rate": observe.event_rate(connection, now=now, seconds=RATE_SECONDS),
                "freshness": observe.freshness(connection, since=now - _FRESH_WINDOW),
                "history": observe.freshness_history(connection, now=now, seconds=RATE_SECONDS),
                "totals": observe.row_totals(connection),
                "rejects": observe.reject_totals(connection),
            }
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):
        return {}


def read_details(connection: Connection) -> dict[str, bytes]:
    """Part name -> JSON: `dead_letters`, and `table/<name>` with a table's newest rows."""
    try:
        with connection:
            groups = observe.dead_letters(connection, examples=_EXAMPLES)
            tables = observe.latest_rows(connection, limit=_ROWS)
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):
        return {}
    parts = {"dead_letters": _encoder.encode([_group(group) for group in groups])}
    for table, rows in tables.items():
        parts[f"table/{table}"] = _encoder.encode({"table": table, "rows": [row.row for row in rows]})
    return parts


def encode_pulse(
    figures: Mapping[str, Any],
    *,
    now: datetime,
    read_at: datetime | None,
    door: Counter[str],
    services: Sequence[Service],
) -> bytes:
    """The part `pulse`: the newest figures there are, and from when they are."""
    return _encoder.encode({**figures, "now": now, "read_at": read_at, "door": door, "services": services})


def _group(group: observe.DeadLetters) -> dict[str, Any]:
    examples = [
        {
            "position": f"{example.topic}/{example.partition}/{example.offset}",
            "ingested_at": example.ingested_at,
            "stage": example.stage,
            "field": example.field,
            "detail": example.detail,
            "value": example.value_preview[:_PREVIEW_CHARACTERS],
            "bytes": example.value_bytes,
        }
        for example in group.examples
    ]
    return {"reason": group.reason, "meaning": group.meaning, "count": group.count, "examples": examples}
