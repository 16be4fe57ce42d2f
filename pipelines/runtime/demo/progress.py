"""How far a run has come: Kafka's end, bronze's and silver's positions, rows and freshness."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import psycopg2

from pipelines.connectors.kafka import end_offsets
from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE, Names
from pipelines.connectors.postgres import PostgresAddress, open_connection
from pipelines.errors import ServiceError
from pipelines.runtime.observe import Freshness, freshness, reject_totals, row_totals

Offsets = dict[tuple[str, int], int]


@dataclass(frozen=True)
class Tally:
    """Rows written since the start of the run, by layer, and how fresh the last minute was."""

    bronze: int
    silver: int
    dead_letters: int
    fresh: dict[str, Freshness]


def tally(address: PostgresAddress, *, since: datetime) -> Tally | None:
    """The tally of the run, or none while Postgres or its tables are not there."""
    try:
        with closing(open_connection(address, application="demo")) as connection, connection:
            rows = row_totals(connection, since=since)
            rejects = reject_totals(connection, since=since)
            fresh = freshness(connection, since=since)
    except (psycopg2.Error, ServiceError):
        return None
    layers = {"bronze": 0, "silver": 0}
    for table, count in rows.items():
        layer = table.partition(".")[0]
        layers[layer] = layers.get(layer, 0) + count
    dead = sum(rejects.values())
    return Tally(layers["bronze"], layers["silver"] - dead, dead, fresh)


def first_silver_row(address: PostgresAddress, *, since: datetime) -> datetime | None:
    """When the first silver rows of the run could be read."""
    with (
        closing(open_connection(address, application="demo")) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "select min(committed_at) from ops.batches where query = %s and committed_at >= %s",
            (CLEAN_SILVER, since),
        )
        row = cursor.fetchone()
    return row[0] if row else None


def covered(names: Names, query: str) -> Offsets:
    """The next offset of every Kafka partition after what the query has committed."""
    rows = LakeReader(names).rows(
        'select topic, "partition", max(until_offset) as until_offset from ops.positions '
        "where query = ? group by all",
        [query],
    )
    return {(row["topic"], row["partition"]): row["until_offset"] for row in rows}


def backlog(names: Names, bootstrap: str, topics: Sequence[str]) -> dict[str, int]:
    """Records not yet committed, by layer: Kafka to bronze, and bronze to silver."""
    ends = end_offsets(bootstrap, topics)
    bronze, silver = covered(names, LAND_BRONZE), covered(names, CLEAN_SILVER)
    return {
        "bronze": sum(max(0, end - bronze.get(place, 0)) for place, end in ends.items()),
        "silver": sum(max(0, until - silver.get(place, 0)) for place, until in bronze.items()),
    }
