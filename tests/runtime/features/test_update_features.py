"""Silver → every feature set, in the lake and in Postgres: both are what plain Python makes of the events."""

from types import SimpleNamespace

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from pipelines.connectors.postgres import connect, migrate
from pipelines.gold.features.event import EVENT
from pipelines.gold.features.scalar import key_of, merged, state_of, values
from pipelines.gold.features.sets import all_sets
from pipelines.gold.features.tables import partials_table
from pipelines.runtime.features.reading import read
from pipelines.runtime.streams.queries.update_features import update_features
from pipelines.runtime.streams.site import Site
from pipelines.runtime.streams.streaming import start_stream
from pipelines.settings import load_settings
from tests.runtime.features.grown_lake import GrownLake
from tests.tiny_lake import START, TinyLake

pytestmark = [pytest.mark.spark, pytest.mark.services]
LATER = START + 90_000_000


class Silent:
    """Metrics of a run nobody watches."""

    def record(self, report):
        """Forget it."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return TinyLake(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def lake(shop, tmp_path):
    return GrownLake(shop, tmp_path)


@pytest.fixture
def site(spark, lake, database):
    with connect(database) as connection:
        migrate(connection)
    services = SimpleNamespace(postgres=SimpleNamespace(address=lambda: database))
    return Site(spark, load_settings(), lake.names, services, None)


def run(site):
    """Run the query until it has read all."""
    stream = start_stream(site.spark, update_features(site), site.names, Silent(), available_now=True)
    stream.query.awaitTermination()
    stream.release()
    assert stream.fault() is None


def expected(lake, feature_set):
    """Entity → its columns, event by event."""
    states = {}
    for event in lake.events():
        key = key_of(feature_set, event)
        if key is not None:
            states[key] = merged(
                feature_set,
                [states[key], state_of(feature_set, event)]
                if key in states
                else [state_of(feature_set, event)],
            )
    return {key: values(feature_set, state, at=LATER) for key, state in states.items()}


def online(database, feature_set, keys):
    """The same as Postgres has it."""
    with connect(database, read_only=True) as connection, connection.cursor() as cursor:
        found = read(cursor, feature_set, list(keys), at=LATER)
    return {one.key: values(feature_set, one.state, at=LATER) for one in found}, found


def test_postgres_and_the_lake_hold_what_the_events_add_up_to(site, lake, database):
    for share in (0.3, 0.35, 1.0):
        lake.arrive(share)
        run(site)
    for feature_set in all_sets().values():
        wanted = expected(lake, feature_set)
        there, reads = online(database, feature_set, wanted)
        assert there == wanted
        assert all(one.is_exact for one in reads)
        spec = partials_table(feature_set)
        stored = DeltaTable(site.names.table(spec.name)).to_pyarrow_table()
        assert {tuple(row[name] for name in feature_set.keys) for row in stored.to_pylist()} == set(wanted)
    assert EVENT.field("offset").type == pa.int64()
