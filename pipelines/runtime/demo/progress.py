"""How far a run has come: Kafka's end, bronze's and silver's positions, rows and freshness."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import psycopg2

from pipelines.connectors.kafka import end_offsets
from pipelines.connectors.lake_reader import covered
from pipelines.connectors.ledger import newest_entry
from pipelines.connectors.names import ATTRIBUTE_ORDERS, CLEAN_SILVER, LAND_BRONZE, UPDATE_FEATURES, Names
from pipelines.connectors.postgres import PostgresAddress, open_connection
from pipelines.contracts.lake import BRONZE
from pipelines.contracts.positions import Vector, behind
from pipelines.contracts.topics import all_topics
from pipelines.errors import ServiceError
from pipelines.gold.features.event import TABLES
from pipelines.runtime.streams.queries.clean_silver import WRITTEN
from pipelines.runtime.watching.observe import Freshness, freshness, reject_totals, row_totals


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


def silver_positions(names: Names) -> Vector:
    """The position that silver has reached."""
    return covered(names, WRITTEN, query=CLEAN_SILVER)


def attribution_backlog(address: PostgresAddress, bootstrap: str, topics: Sequence[str]) -> int:
    """Records of the topics that attribution has not yet in Postgres."""
    with (
        closing(open_connection(address, application="demo")) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        entry = newest_entry(cursor, ATTRIBUTE_ORDERS)
    return behind(entry.positions if entry else {}, end_offsets(bootstrap, topics))


def features_backlog(address: PostgresAddress, names: Names) -> int:
    """Records of silver's events and orders that the feature sets have not yet in Postgres."""
    with (
        closing(open_connection(address, application="demo")) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        entry = newest_entry(cursor, UPDATE_FEATURES)
    owners = {name: topic.table for name, topic in all_topics().items()}
    written = {
        place: offset
        for table in TABLES
        for place, offset in covered(names, [table], query=CLEAN_SILVER).items()
        if owners.get(place[0], table) == table
    }
    return behind(entry.positions if entry else {}, written)


def backlog(names: Names, bootstrap: str, topics: Sequence[str]) -> dict[str, int]:
    """Records not yet committed, by layer: Kafka to bronze, and bronze to silver."""
    bronze = covered(names, [BRONZE.name], query=LAND_BRONZE)
    silver = silver_positions(names)
    return {"bronze": behind(bronze, end_offsets(bootstrap, topics)), "silver": behind(silver, bronze)}
