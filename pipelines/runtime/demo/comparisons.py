"""Comparing what a demo has left with what plain Python makes of Kafka's records."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.connectors.names import Names
from pipelines.contracts.positions import Vector
from pipelines.runtime.attribution.oracle_check import compare_attribution
from pipelines.runtime.demo.answers import read_json
from pipelines.runtime.demo.children import Child
from pipelines.runtime.demo.progress import silver_positions
from pipelines.runtime.embedded.endpoints import Endpoints
from pipelines.runtime.embedded.progress import Progress
from pipelines.runtime.features.store_check import compare_store
from pipelines.runtime.reading import record_reader
from pipelines.runtime.streams.oracle_check import compare_with_oracle
from pipelines.settings import Settings

_ORACLE_RECORDS = 500_000
_FEATURE_RECORDS = 60_000
_SETTLE_SECONDS = 300.0


@dataclass(frozen=True)
class Comparisons:
    """Rows of the lake; the book as the stream has left it; the book after the daily job; features."""

    rows: dict[str, Any]
    credits: dict[str, Any]
    settled: dict[str, Any]
    features: dict[str, Any]


def compare_all(
    settings: Settings,
    services: Endpoints,
    *,
    since: Vector,
    truth: Path | None,
    settling: AbstractContextManager[Child],
    stop_streams: Callable[[], None],
    tell: Progress,
) -> Comparisons:
    """Compare the book of idle streams with the oracle's; stop them; compare the lake, and the book settled.

    The job `settling` runs meanwhile, since it needs a while to start. What would be too much for the
    oracles is skipped, and then nothing is settled. Raises `ServiceError` when the settlement fails.
    """

    def at_rest() -> dict[str, Any]:
        tell("check", "comparing every bronze position with its fate")
        stop_streams()
        tell("check", "comparing every row with a plain-Python oracle's")
        return compare_rows(settings, services, since=since)

    tell("check", "comparing every credit with a plain-Python oracle's, and with the truth")
    credited = compare_credits(settings, services, truth=truth, settled=False)
    if "skipped" in credited:
        return Comparisons(at_rest(), credited, credited, credited)
    tell("check", "comparing every feature with what single events add up to")
    features = compare_features(settings, services)
    tell("check", "settling orders, late ones and all")
    with settling as job:
        rows = at_rest()
        job.require_success(within_seconds=_SETTLE_SECONDS)
        done = read_json(job.last_line())
    tell("check", "comparing every credit again")
    settled = compare_credits(settings, services, truth=truth, settled=True)
    return Comparisons(rows, credited, {**settled, "job": done}, features)


def compare_rows(settings: Settings, services: Endpoints, *, since: Vector) -> dict[str, Any]:
    """Every row of bronze and silver that came after `since`; `skipped` when there are too many."""
    names = _names(settings)
    skipped = _skipped(names)
    if skipped:
        return skipped
    reader = record_reader(settings)
    return compare_with_oracle(reader, names, bootstrap=services.kafka, since=since).as_data()


def compare_credits(
    settings: Settings, services: Endpoints, *, truth: Path | None, settled: bool
) -> dict[str, Any]:
    """Every row of the book of orders, and first clicks with the simulator's file `truth`.

    Late orders are left out before the book is `settled`.
    """
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
        settled=settled,
        truth=truth if truth is not None and truth.exists() else None,
    )
    return found.as_data()


def compare_features(settings: Settings, services: Endpoints) -> dict[str, Any]:
    """Every feature of every entity in the online store."""
    names = _names(settings)
    return _skipped(names, _FEATURE_RECORDS) or compare_store(names, services.postgres.address()).as_data()


def _names(settings: Settings) -> Names:
    return Names.of(var_dir=settings.var_dir, lake=settings.lake)


def _skipped(names: Names, most: int = _ORACLE_RECORDS) -> dict[str, Any] | None:
    records = sum(silver_positions(names).values())
    if 0 < records <= most:
        return None
    return {"records": records, "skipped": f"more than {most:,} records, or none"}
