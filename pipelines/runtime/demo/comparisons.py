"""Comparing what a demo has left with what plain Python makes of Kafka's records."""

from pathlib import Path
from typing import Any

from pipelines.connectors.names import Names
from pipelines.contracts.positions import Vector
from pipelines.runtime.attribution.oracle_check import compare_attribution
from pipelines.runtime.demo.progress import silver_positions
from pipelines.runtime.embedded.endpoints import Endpoints
from pipelines.runtime.reading import record_reader
from pipelines.runtime.streams.oracle_check import compare_with_oracle
from pipelines.settings import Settings

_ORACLE_RECORDS = 500_000


def compare_rows(settings: Settings, services: Endpoints, *, since: Vector) -> dict[str, Any]:
    """Every row of bronze and silver that came after `since`; `skipped` when there are too many."""
    names = _names(settings)
    skipped = _skipped(names)
    if skipped:
        return skipped
    reader = record_reader(settings)
    return compare_with_oracle(reader, names, bootstrap=services.kafka, since=since).as_data()


def compare_credits(settings: Settings, services: Endpoints, *, truth: Path | None) -> dict[str, Any]:
    """Every row of the book of orders, and first clicks with the simulator's file `truth`."""
    names = _names(settings)
    skipped = _skipped(names)
    if skipped:
        return skipped
    found = compare_attribution(
        record_reader(settings),
        names,
        bootstrap=services.kafka,
        address=services.postgres.address(),
        look_back_seconds=settings.attribution.look_back_seconds,
        late_seconds=settings.attribution.late_seconds,
        truth=truth if truth is not None and truth.exists() else None,
    )
    return found.as_data()


def _names(settings: Settings) -> Names:
    return Names.of(var_dir=settings.var_dir, lake=settings.lake)


def _skipped(names: Names) -> dict[str, Any] | None:
    records = sum(silver_positions(names).values())
    if 0 < records <= _ORACLE_RECORDS:
        return None
    return {"records": records, "skipped": f"more than {_ORACLE_RECORDS:,} records, or none"}
