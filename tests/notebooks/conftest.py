"""An online store of the tiny lake, which its streams have not all read yet."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.postgres import migrate, open_connection
from pipelines.gold.features.event import TABLES, of_row, table_of
from pipelines.gold.features.partials import partials_of
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.batch import links_of
from pipelines.runtime.features.going_live import note_batch, note_live
from pipelines.runtime.features.links import add_links
from pipelines.runtime.features.tables import make_tables
from pipelines.runtime.features.upsert import upsert
from tests.conftest import empty_database
from tests.tiny_lake import TinyLake

_TIMES = ", ".join(f"epoch_us({name}) as {name}" for name in ("occurred_at", "ingested_at", "known_at"))


@pytest.fixture
def served_lake(stack, stack_names, tiny_lake: TinyLake, tmp_path: Path) -> Iterator[str]:
    """The settings, a line each, of a Postgres that covers two thirds of each partition of the lake."""
    reader = LakeReader(tiny_lake.names)
    found = [
        event
        for table in TABLES
        for row in reader.rows(f"select * replace ({_TIMES}) from {table}")
        if (event := of_row(table, row)) is not None
    ]
    places = {(row["topic"], row["partition"]) for row in found}
    below = {
        place: max(row["offset"] for row in found if (row["topic"], row["partition"]) == place) * 2 // 3
        for place in places
    }
    events = table_of(row for row in found if row["offset"] < below[row["topic"], row["partition"]])
    sets = all_sets().values()
    with empty_database(stack, stack_names) as address:
        with closing(open_connection(address, application="test")) as connection:
            migrate(connection)
            with connection, connection.cursor() as cursor:
                for one in sets:
                    make_tables(cursor, one)
                    upsert(cursor, one, partials_of(one, events), batch_id=3)
                add_links(cursor, links_of(events))
                note_live(cursor, sets, batch_id=0)
                note_batch(cursor, 3, positions=below, is_exact=True)
        (tmp_path / "password").write_text(address.password)
        given = {"host": address.host, "port": address.port, "database": address.database}
        given |= {"user": address.user, "password": f"${{file:{tmp_path / 'password'}}}"}
        yield "\n".join(f"postgres.{key}={value}" for key, value in given.items())
