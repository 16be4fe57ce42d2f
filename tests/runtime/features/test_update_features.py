"""Silver → every feature set, in the lake and in Postgres: both are what plain Python makes of the events."""

from collections import defaultdict
from types import SimpleNamespace

import pytest
from deltalake import DeltaTable
from pyspark.errors import StreamingQueryException

from pipelines.connectors.names import UPDATE_FEATURES
from pipelines.connectors.postgres import connect, migrate
from pipelines.errors import LakeError, SettingsError
from pipelines.gold.features.latest import LAST_EVENT, latest
from pipelines.gold.features.scalar import key_of, merged, state_of, values
from pipelines.gold.features.sets import all_sets
from pipelines.gold.features.tables import partials_table
from pipelines.runtime.failpoints import arm
from pipelines.runtime.features.build import build_set
from pipelines.runtime.features.reading import read
from pipelines.runtime.features.rebuild import rebuild_online
from pipelines.runtime.features.tables import empty_tables
from pipelines.runtime.streams.queries import update_features as query_module
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


def run(site, spec=None):
    """Run the query until it has read all."""
    made = spec or update_features(site)
    stream = start_stream(site.spark, made, site.names, Silent(), available_now=True)
    stream.query.awaitTermination()
    stream.release()
    assert stream.fault() is None


def expected(lake, feature_set):
    """Entity → its columns, event by event."""
    events = defaultdict(list)
    for event in lake.events():
        events[key_of(feature_set, event)].append(state_of(feature_set, event))
    events.pop(None, None)
    return {key: values(feature_set, merged(feature_set, states), at=LATER) for key, states in events.items()}


def online(database, feature_set, keys):
    """The same as Postgres has it."""
    with connect(database, read_only=True) as connection, connection.cursor() as cursor:
        found = read(cursor, feature_set, list(keys), at=LATER)
    assert all(one.is_exact for one in found)
    return {one.key: values(feature_set, one.state, at=LATER) for one in found}


def in_lake(site, feature_set):
    """The same as the lake's partials add up to."""
    rows = DeltaTable(site.names.table(partials_table(feature_set).name)).to_pyarrow_table()
    found = latest(feature_set, rows, at=LATER).drop_columns([LAST_EVENT]).to_pylist()
    return {tuple(row.pop(key) for key in feature_set.keys): row for row in found}


def assert_equal(site, lake, database):
    """Every set is in Postgres and in the lake what the events add up to."""
    for feature_set in all_sets().values():
        wanted = expected(lake, feature_set)
        assert online(database, feature_set, wanted) == wanted
        assert in_lake(site, feature_set) == wanted


def without(name):
    """The sets without one of them."""
    return lambda: {other: one for other, one in all_sets().items() if other != name}


def test_postgres_and_the_lake_hold_what_the_events_add_up_to(site, lake, database):
    for share in (0.3, 0.35, 1.0):
        lake.arrive(share)
        run(site)
    assert_equal(site, lake, database)


def test_a_new_set_joins_the_running_stream_without_gap_or_overlap(site, lake, database, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(query_module, "all_sets", without("product"))
        for share in (0.3, 0.5):
            lake.arrive(share)
            run(site)
        built = build_set(site.spark, site.names, database, all_sets()["product"], partitions=2)
        lake.arrive(0.7)
        run(site)
    assert built["until_batch"] == 1
    lake.arrive(1.0)
    run(site)
    assert_equal(site, lake, database)
    with pytest.raises(SettingsError, match="is live since batch 3"):
        build_set(site.spark, site.names, database, all_sets()["product"], partitions=2)


def test_a_set_without_history_waits_and_disturbs_nobody(site, lake, database, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(query_module, "all_sets", without("product"))
        lake.arrive(0.3)
        run(site)
    lake.arrive(1.0)
    run(site)
    user = all_sets()["user"]
    assert online(database, user, expected(lake, user)) == expected(lake, user)
    with pytest.raises(LakeError, match=r"product.*is not in Postgres"):
        online(database, all_sets()["product"], [("p",)])


def test_a_set_whose_file_comes_before_the_first_batch_is_live_with_it(site, lake, database, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(query_module, "all_sets", without("product"))
        running = update_features(site)
    lake.arrive(1.0)
    run(site, running)
    product = all_sets()["product"]
    assert online(database, product, expected(lake, product)) == expected(lake, product)


def test_postgres_is_made_again_from_the_lake(site, lake, database):
    lake.arrive(0.5)
    run(site)
    earlier = {name: expected(lake, one) for name, one in all_sets().items()}
    lake.arrive(1.0)
    run(site)
    with connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("truncate ops.ledger, features.batches, features.links, features.sets")
        for one in all_sets().values():
            empty_tables(cursor, one)
    rebuild_online(site.spark, site.names, database, at=0, partitions=2)
    for name, one in all_sets().items():
        assert online(database, one, earlier[name]) == earlier[name]
    rebuild_online(site.spark, site.names, database, at=None, partitions=2)
    assert_equal(site, lake, database)


def test_a_batch_that_dies_anywhere_is_done_once(site, lake, database, tmp_path):
    lake.arrive(0.3)
    run(site)
    lake.arrive(1.0)
    points = [f"{UPDATE_FEATURES}.{name}" for name in ("before_postgres", "after_postgres", "after_batch")]
    tables = [partials_table(one).name for one in all_sets().values()]
    points += [f"{UPDATE_FEATURES}.after_append:{table}" for table in (min(tables), max(tables))]
    arm([f"{point}=raise" for point in points], ledger=tmp_path / "fired.txt")
    try:
        for _ in points:
            with pytest.raises(StreamingQueryException, match="failpoint"):
                run(site)
        run(site)
    finally:
        arm([], ledger=tmp_path / "fired.txt")
    assert_equal(site, lake, database)
