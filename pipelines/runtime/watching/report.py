"""What a run did, from the lake itself and from what the streams reported."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress, open_connection
from pipelines.contracts.fields import REASONS
from pipelines.contracts.lake import DEAD_LETTERS
from pipelines.runtime.watching.observe import freshness

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def lake_summary(names: Names, *, since: datetime | None = None) -> dict[str, Any]:
    """Rows per table of the whole lake, and dead letters by reason of what arrived since then."""
    reader = LakeReader(names)
    tables = {
        table: reader.rows(f"select count(*) as n from {table}")[0]["n"]  # noqa: S608 - a table's own name
        for table in reader.tables
    }
    rejects: list[dict[str, Any]] = []
    if DEAD_LETTERS.name in reader.tables:
        rejects = reader.rows(
            "select reason, count(*) as n, any_value(field) as field, any_value(detail) as detail "
            "from silver.dead_letters where ingested_at >= ? group by reason order by n desc, reason",
            [since or _BEGINNING],
        )
    return {
        "tables": tables,
        "dead_letters": {row["reason"]: row["n"] for row in rejects},
        "dead_letter_examples": {
            row["reason"]: {"means": REASONS[row["reason"]], "field": row["field"], "detail": row["detail"]}
            for row in rejects
        },
    }


def freshness_summary(
    address: PostgresAddress, *, since: datetime | None = None, until: datetime | None = None
) -> dict[str, Any]:
    """Layer → count, mean and percentiles in seconds, from the broker's time until readable."""
    with closing(open_connection(address, application="report")) as connection, connection:
        found = freshness(connection, since=since, until=until)
    return {layer: _seconds(asdict(figures)) for layer, figures in found.items()}


def _seconds(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name.replace("_ms", "_s"): round(value / 1000, 3)
        if name.endswith("_ms") and value is not None
        else value
        for name, value in figures.items()
    }
