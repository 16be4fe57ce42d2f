"""The tables of feature sets in Postgres: made, refused, read in one snapshot, forgotten."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from psycopg2.extensions import connection as Connection

from pipelines.connectors.postgres import PostgresAddress, connect, migrate, open_connection
from pipelines.errors import LakeError, SettingsError
from pipelines.gold.features.aggregates.distinct import Distinct
from pipelines.gold.features.aggregates.sums import Count
from pipelines.gold.features.event import table_of
from pipelines.gold.features.feature_set import Entity, Feature, FeatureSet, Ttl
from pipelines.gold.features.partials import partials_of
from pipelines.gold.features.scalar import values
from pipelines.gold.features.sets import all_sets
from pipelines.gold.features.values import kinds
from pipelines.gold.features.windows import LAST_HOUR, LIFETIME
from pipelines.runtime.features.forgetting import Forgotten, forget
from pipelines.runtime.features.layout import tables_of
from pipelines.runtime.features.links import add_links
from pipelines.runtime.features.reading import read
from pipelines.runtime.features.tables import (
    StoredSet,
    drop_tables,
    make_tables,
    note_covered,
    stored_sets,
)
from pipelines.runtime.features.upsert import upsert
from tests.conftest import empty_database
from tests.gold.features.shop import BEGIN, DAY
from tests.runtime.features.stores import LONGEST, event_at, filled, linked, state_by

services = pytest.mark.services
VIEWS = Feature("views", Count(kinds("product_view")), "views", (LIFETIME, LAST_HOUR))
SMALL = FeatureSet(
    name="small",
    version=1,
    entity=Entity("visitor", ("visitor_id",)),
    meaning="one feature",
    features=(VIEWS,),
    ttl=Ttl(days=2, days_after_purchase=1),
)


@pytest.fixture(scope="module")
def address(stack, stack_names) -> Iterator[PostgresAddress]:
    with empty_database(stack, stack_names) as address:
        with connect(address) as connection:
            migrate(connection)
        yield address


@pytest.fixture
def store(address: PostgresAddress) -> Iterator[Connection]:
    """A connection to a database that holds `SMALL`, without rows."""
    with closing(open_connection(address, application="tests")) as connection:
        with connection, connection.cursor() as cursor:
            drop_tables(cursor, SMALL)
            make_tables(cursor, SMALL)
            filled(cursor, SMALL)
        yield connection


def with_features(*features: Feature) -> FeatureSet:
    return replace(SMALL, features=features)


@services
def test_making_tables_twice_changes_nothing(store: Connection) -> None:
    with store, store.cursor() as cursor:
        filled(cursor, SMALL, [event_at(BEGIN)])
        make_tables(cursor, SMALL)
        make_tables(cursor, replace(SMALL, meaning="said otherwise"))
        assert read(cursor, SMALL, [("v",)], at=BEGIN)[0].state.lifetime["views"] == (1,)


@services
@pytest.mark.parametrize(
    "other",
    [
        pytest.param(with_features(VIEWS, Feature("carts", Count(kinds("add_to_cart")), "")), id="more"),
        pytest.param(with_features(replace(VIEWS, aggregate=Count(kinds("purchase")))), id="of others"),
        pytest.param(with_features(replace(VIEWS, windows=(LIFETIME,))), id="window"),
        pytest.param(replace(SMALL, entity=Entity("session", ("session_id",))), id="keys"),
    ],
)
def test_another_definition_needs_a_new_version(store: Connection, other: FeatureSet) -> None:
    with store, store.cursor() as cursor, pytest.raises(LakeError, match="small, version 1: its definition"):
        make_tables(cursor, other)
    with store, store.cursor() as cursor:
        make_tables(cursor, replace(other, version=2))
        drop_tables(cursor, replace(other, version=2))


@services
def test_the_size_of_a_sample_is_part_of_the_definition(store: Connection) -> None:
    one, other = (with_features(Feature("p", Distinct("product_id", sample=n), "")) for n in (4, 5))
    with store, store.cursor() as cursor:
        make_tables(cursor, replace(one, version=3))
        with pytest.raises(LakeError, match="version 3"):
            make_tables(cursor, replace(other, version=3))


@services
def test_a_table_that_was_altered_is_refused(store: Connection) -> None:
    with store, store.cursor() as cursor:
        cursor.execute("alter table features.small_v1_300s add column more integer")
        with pytest.raises(LakeError, match=r"the table features\.small_v1_300s"):
            make_tables(cursor, SMALL)


def test_names_that_postgres_cannot_hold_are_refused() -> None:
    with pytest.raises(SettingsError, match="longer than"):
        tables_of(with_features(replace(VIEWS, name="v" * 60)))
    with pytest.raises(SettingsError, match="must not be called batch_id"):
        tables_of(with_features(replace(VIEWS, name="batch_id")))


@services
def test_every_set_of_the_shop_can_be_stored(store: Connection) -> None:
    """With the longest ids and texts that the contract lets through, too."""
    texts = dict.fromkeys(("visitor_id", "session_id", "product_id", "event_id"), LONGEST)
    texts |= dict.fromkeys(("category", "traffic_source", "traffic_campaign"), LONGEST * 4)
    event = event_at(BEGIN, **texts)
    with store, store.cursor() as cursor:
        for one in all_sets().values():
            make_tables(cursor, one)
            upsert(cursor, one, partials_of(one, table_of([event])), batch_id=1)
            key = tuple(event[name] for name in one.keys)
            (found,) = read(cursor, one, [key], at=BEGIN)
            assert values(one, found.state, at=BEGIN) == values(one, state_by(one, [event], key), at=BEGIN)
        store.rollback()


@services
def test_a_set_that_is_not_there_is_one_sentence(store: Connection) -> None:
    with (
        store,
        store.cursor() as cursor,
        pytest.raises(LakeError, match="small, version 9, is not in Postgres"),
    ):
        read(cursor, replace(SMALL, version=9), [("v",)], at=BEGIN)


@services
def test_rows_and_what_they_cover_are_of_one_moment(store: Connection, address: PostgresAddress) -> None:
    """A batch that is not committed is in neither."""

    def seen() -> tuple[object, ...]:
        with connect(address) as connection, connection, connection.cursor() as cursor:
            (found,) = read(cursor, SMALL, [("v",)], at=BEGIN)
            return found.state.lifetime.get("views"), found.batch_id, found.positions, found.is_exact

    assert seen() == (None, None, {}, True)
    for batch, is_exact in ((3, True), (4, False)):
        before = seen()
        with store, store.cursor() as cursor:
            upsert(cursor, SMALL, partials_of(SMALL, table_of([event_at(BEGIN)])), batch_id=batch)
            statement = "insert into features.batches (batch_id, positions, is_exact) values (%s, %s, %s)"
            cursor.execute(statement, (batch, f'{{"clicks": {{"0": {batch}, "11": 7}}}}', is_exact))
            assert seen() == before
        assert seen() == ((batch - 2,), batch, {("clicks", 0): batch, ("clicks", 11): 7}, is_exact)


@services
def test_what_is_kept_of_old_entities_and_tiles(store: Connection) -> None:
    """An entity goes so long after its last event, bought or not; a tile, when no window reaches it."""
    bought = [event_at(BEGIN, visitor_id="b"), event_at(BEGIN, visitor_id="b", kind="purchase")]
    kept_days = 5
    ended = BEGIN - BEGIN % (300 * 1_000_000) + 3_900 * 1_000_000
    with store, store.cursor() as cursor:
        filled(cursor, SMALL, [event_at(BEGIN), *bought])

        def forgotten(before: int) -> Forgotten:
            return forget(cursor, SMALL, before=before, keep_days=kept_days)

        assert forgotten(ended - 1) == Forgotten(0, 0)
        assert forgotten(ended) == Forgotten(0, 2)
        assert forgotten(BEGIN + 5 * DAY) == Forgotten(0, 0)
        kept_days = 1
        assert forgotten(BEGIN + 2 * DAY) == Forgotten(0, 0)
        kept_days = 5
        assert forgotten(BEGIN + 5 * DAY + 1) == Forgotten(2, 0)


@services
def test_forgetting_waits_for_no_batch(store: Connection, address: PostgresAddress) -> None:
    """Rows that a batch holds stay: nobody waits for the other in turn."""
    with store, store.cursor() as cursor:
        filled(cursor, SMALL, [event_at(BEGIN), event_at(BEGIN, visitor_id="w")])
    with store, store.cursor() as cursor, connect(address, statement_seconds=5) as other:
        upsert(cursor, SMALL, partials_of(SMALL, table_of([event_at(BEGIN)])), batch_id=1)
        with other, other.cursor() as forgetting:
            found = forget(forgetting, SMALL, before=BEGIN + 9 * DAY, keep_days=0)
            assert found == Forgotten(1, 1)


@services
def test_a_link_is_known_since_its_first_record(store: Connection) -> None:
    def added(*rows: tuple[str, str, int]) -> int:
        return add_links(cursor, linked(rows))

    with store, store.cursor() as cursor:
        assert added() == 0
        assert added(("v", "u", BEGIN + 5), ("v", "u", BEGIN + 3), ("v", "U", BEGIN)) == 2
        assert added(("v", "u", BEGIN + 3), ("v", "u", BEGIN + 4)) == 0
        assert added(("v", "u", BEGIN + 2), ("w", "u", BEGIN)) == 2
        cursor.execute(
            """select visitor_id, user_id, (extract(epoch from first_known_at) * 1000000)::bigint
            from features.links order by visitor_id, user_id"""
        )
        assert cursor.fetchall() == [("v", "U", BEGIN), ("v", "u", BEGIN + 2), ("w", "u", BEGIN)]


@services
def test_which_sets_are_there_and_what_their_history_covers(store: Connection) -> None:
    with store, store.cursor() as cursor:
        cursor.execute("delete from features.sets where (name, version) <> ('small', 1)")
        assert stored_sets(cursor) == [StoredSet("small", 1, None, {}, None)]
        note_covered(cursor, SMALL, until_batch=41, positions={("clicks", 10): 5})
        assert stored_sets(cursor) == [StoredSet("small", 1, 41, {("clicks", 10): 5}, None)]
        drop_tables(cursor, SMALL)
        assert stored_sets(cursor) == []
