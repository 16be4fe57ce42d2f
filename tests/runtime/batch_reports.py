"""Reports of batches as the streams make them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pipelines.runtime.watching.metrics import BatchReport, DeadLetterExample

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


def row(offset: int, *, at: datetime = NOW, **columns) -> dict[str, object]:
    return {"topic": "clicks", "partition": 0, "offset": offset, "ingested_at": at, **columns}


def letter(offset: int, reason: str = "missing", **changes) -> DeadLetterExample:
    moment = NOW + timedelta(milliseconds=offset)
    example = DeadLetterExample(
        "clicks", 0, offset, moment, "validate", reason, "visitor_id", "", '{"a":1}', 7
    )
    return replace(example, **changes)


def bronze(batch_id: int = 0, **changes) -> BatchReport:
    return replace(
        BatchReport("land_bronze", batch_id, NOW, 400, {"bronze.clicks": 10}, ages_ms=[(1000, 10)]), **changes
    )


def silver(batch_id: int = 0, **changes) -> BatchReport:
    report = BatchReport(
        "clean_silver", batch_id, NOW, 900, {"silver.events": 9}, {"missing": 1}, [(3000, 9), (5000, 1)]
    )
    return replace(report, **changes)
