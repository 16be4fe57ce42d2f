"""How a running query stands, from what Spark and the query itself tell."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipelines.contracts.positions import Vector, behind
from pipelines.runtime.streams.streaming import RunningStream

_NO_WATERMARK = "1970-01-01"


def lag_of(stream: RunningStream, streams: Mapping[str, RunningStream]) -> int | None:
    """Records of the query's source that none of its batches covers; none when it cannot be told."""
    feeder = stream.spec.fed_by
    if feeder is None:
        end = _kafka_end(_progress(stream))
        return behind(stream.progress.covered, end) if end else None
    return behind(stream.progress.covered, streams[feeder].progress.covered) if feeder in streams else None


def watermark_of(stream: RunningStream) -> datetime | None:
    """The query's event-time watermark; none for a query without."""
    text = _progress(stream).get("eventTime", {}).get("watermark")
    if text is None or text.startswith(_NO_WATERMARK):
        return None
    return datetime.fromisoformat(text).astimezone(UTC)


def state_rows_of(stream: RunningStream) -> int | None:
    """Rows that the query remembers between batches, in Spark's state or in its own memory."""
    operators = _progress(stream).get("stateOperators", [])
    if operators:
        return sum(int(operator["numRowsTotal"]) for operator in operators)
    return stream.progress.remembered


def _progress(stream: RunningStream) -> dict[str, Any]:
    last = stream.query.lastProgress
    if last is None:
        return {}
    found: dict[str, Any] = json.loads(last.json) if hasattr(last, "json") else dict(last)
    return found


def _kafka_end(progress: Mapping[str, Any]) -> Vector:
    """The broker's next offsets as of the last trigger."""
    end: dict[tuple[str, int], int] = {}
    for source in progress.get("sources", []):
        latest = source.get("latestOffset")
        offsets = json.loads(latest) if isinstance(latest, str) else latest or {}
        for topic, partitions in offsets.items():
            end |= {(topic, int(partition)): int(offset) for partition, offset in partitions.items()}
    return end
