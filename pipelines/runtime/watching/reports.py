"""What a streaming query reports: each of its batches, and how it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

PREVIEW_BYTES = 2048


@dataclass(frozen=True)
class DeadLetterExample:
    """A rejected record as the page shows it. `ingested_at` is the broker's time, aware."""

    topic: str
    partition: int
    offset: int
    ingested_at: datetime
    stage: str
    reason: str
    field: str | None
    detail: str | None
    value_preview: str
    value_bytes: int


@dataclass(frozen=True)
class BatchReport:
    """One committed batch of a streaming query. Times are aware.

    `rows`: table -> rows added. `rejects`: reason -> records. `ages_ms`: (milliseconds from the
    broker's time until the rows could be read, how many rows). `latest`: (table, row) of a few of the
    newest rows; each row holds topic, partition, offset, ingested_at and, of an order, line_number.
    """

    query: str
    batch_id: int
    committed_at: datetime
    duration_ms: int
    rows: Mapping[str, int] = field(default_factory=dict)
    rejects: Mapping[str, int] = field(default_factory=dict)
    ages_ms: Sequence[tuple[int, int]] = ()
    latest: Sequence[tuple[str, Mapping[str, Any]]] = ()
    dead_letters: Sequence[DeadLetterExample] = ()


@dataclass(frozen=True)
class QueryState:
    """How a streaming query stands at `seen_at`. Times are aware; null: not known, or does not apply.

    `state`, which it has been in from `since`: `waiting` for its next start after a fault, at `retry_at`;
    `failed`, not started again; `stopped`, drained. `restarts`: starts after faults since the driver
    started. `last_error`: the newest fault, also when the query runs again; its first line is kept.
    `lag_records`: records of the source that no committed batch covers yet. `watermark`: lower bound of
    the event times still expected. `state_rows`, `state_bytes`: what is remembered between batches.
    """

    query: str
    state: Literal["starting", "running", "waiting", "failed", "stopped"]
    since: datetime
    seen_at: datetime
    restarts: int = 0
    last_error: str | None = None
    retry_at: datetime | None = None
    lag_records: int | None = None
    watermark: datetime | None = None
    state_rows: int | None = None
    state_bytes: int | None = None


def preview(value: bytes | None) -> str:
    r"""The first `PREVIEW_BYTES` of a Kafka value as text; bytes that are not UTF-8 show as \\xNN."""
    return (value or b"")[:PREVIEW_BYTES].decode("utf-8", "backslashreplace")
