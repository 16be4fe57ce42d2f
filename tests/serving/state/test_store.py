"""Reading Postgres: all sets of a question in one snapshot, and never longer than allowed."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from pipelines.connectors.postgres import PostgresAddress, connect, migrate, open_connection
from pipelines.contracts.positions import nested
from pipelines.gold.features.scalar import values
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.links import add_links
from pipelines.runtime.features.tables import make_tables
from serving.state.entities import entities_of
from serving.state.rows import Covered
from serving.state.store import Asked, Reading, Store
from tests.conftest import empty_database
from tests.gold.features.shop import BEGIN, DAY, events, moments
from tests.relay import relay_to
from tests.runtime.features.stores import LONGEST, comparable, event_at, filled, linked, state_by

pytestmark = pytest.mark.services
NAMES = ("session", "user", "traffic", "product", "user_product")
ONLY = ("session",)
ODD = [
    LONGEST,
    " ",
    "'",
    '"',
    "\\",
    "\\'",
    "\t",
    "a\nb\r",
    "NULL",
    "{a,b}",
    "😀é",
    "%s",
    "$1",
    "a\0b",
    "\ud800",
]
POSITIONS = {("clicks", 0): 7, ("orders", 3): 2**40}
LIVE = "update features.sets set live_from_batch = %s where name = any(%s)"


@pytest.fixture(scope="module")
def address(stack, stack_names) -> Iterator[PostgresAddress]:
    """A database with the tables of the sets, all of which are live."""
    with empty_database(stack, stack_names) as address:
        with connect(address) as connection:
            migrate(connection)
            with connection, connection.cursor() as cursor:
                for name in NAMES:
                    make_tables(cursor, all_sets()[name])
                cursor.execute(LIVE, (1, list(NAMES)))
        yield address


@pytest.fixture(scope="module")
def cursor(address: PostgresAddress) -> Iterator[Cursor]:
    """Changes what is stored, at once."""
    with closing(open_connection(address, application="tests")) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        yield cursor


@contextmanager
def running(address: PostgresAddress, **given: Any) -> Iterator[Store]:
    """A store that has a connection."""
    store = Store(address, [NAMES, ONLY], **{"seconds": 5.0} | given)
    store.start(wait_seconds=10)
    try:
        yield store
    finally:
        store.close()


@pytest.fixture(scope="module")
def store(address: PostgresAddress) -> Iterator[Store]:
    """The store of most tests."""
    with running(address) as store:
        yield store


def fill(cursor: Cursor, rows: list[dict[str, Any]]) -> None:
    """Nothing but these events in the tables."""
    cursor.execute("begin")
    for name in NAMES:
        filled(cursor, all_sets()[name], rows)
    cursor.execute("commit")


def cover(cursor: Cursor, batch_id: int, *, is_exact: bool = True) -> None:
    """Note a batch."""
    cursor.execute(
        "insert into features.batches (batch_id, positions, is_exact) values (%s, %s, %s)",
        (batch_id, Json(nested(POSITIONS)), is_exact),
    )


def answered(read: Callable[[], Reading | None]) -> Reading:
    """The first answer there is."""
    until = time.monotonic() + 10
    while (reading := read()) is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    return reading


def keys_of(visitor: str | None, user: str | None, product: str = "p1") -> dict[str, str | None]:
    """Whom a question names."""
    return {"visitor_id": visitor, "user_id": user, "session_id": "s", "product_id": product}


@settings(max_examples=10)
@given(
    events(most=20),
    st.sets(st.tuples(st.sampled_from("vw"), st.sampled_from(["ann", "bob"]))),
    st.sets(st.sampled_from("vw")),
    moments(),
    st.booleans(),
)
def test_every_set_of_every_question_is_as_its_events_make_it(
    store: Store, cursor: Cursor, rows: Any, links: Any, more: Any, at: int, is_plain: bool
) -> None:
    """Alone and with others, of visitors and users, with visitors whom events in flight link."""
    fill(cursor, rows)
    add_links(cursor, linked([(*link, 1) for link in sorted(links)]))
    cover(cursor, 3)
    asked = [Asked(keys_of("v", None), at)]
    if not is_plain:
        asked += [
            Asked(keys_of("w", "ann"), at, tuple(sorted(more))),
            Asked(keys_of("v", "bob", "p2"), at - 9),
        ]
    reading = store.read(NAMES, asked)
    assert reading is not None
    assert (reading.covered, set(reading.sets)) == (Covered(3, POSITIONS, True), set(NAMES))
    for one, stored in zip(asked, reading.stored, strict=True):
        owners = {visitor for visitor, user in links if user == one.keys["user_id"]} | {*one.linked}
        owners = owners or {one.keys["visitor_id"]}
        assert sorted(stored.owners) == ([] if is_plain else sorted(owners))
        for name in NAMES:
            feature_set = all_sets()[name]
            keys = entities_of(feature_set, one.keys, sorted(owners))
            expected = state_by(feature_set, rows, *keys)
            found = stored.states.get(name, state_by(feature_set, []))
            assert comparable(feature_set, found, at=one.at) == comparable(feature_set, expected, at=one.at)
            assert values(feature_set, found, at=one.at) == values(feature_set, expected, at=one.at)


def test_a_visitor_signed_in_by_an_event_in_flight_stands_for_the_user(store: Store, cursor: Cursor) -> None:
    """And not the visitor who asks, as for a user whom nobody knows."""
    fill(cursor, [])
    asked = [Asked(keys_of("v", "ann"), BEGIN, ("w",)), Asked(keys_of("v", "bob"), BEGIN)]
    reading = store.read(NAMES, asked)
    assert reading is not None
    assert [one.owners for one in reading.stored] == [["w"], ["v"]]


def test_questions_of_different_times_have_their_own_tiles(store: Store, cursor: Cursor) -> None:
    fill(cursor, [event_at(BEGIN - DAY), event_at(BEGIN, event_id="f")])
    asked = [Asked(keys_of("v", None), BEGIN), Asked(keys_of("v", None), BEGIN - DAY)]
    reading = store.read(NAMES, asked)
    assert reading is not None
    views = [
        values(all_sets()["user"], stored.states["user"], at=one.at)["views_1h"]
        for one, stored in zip(asked, reading.stored, strict=True)
    ]
    assert views == [1, 1]


@pytest.mark.parametrize("text", ODD, ids=map(str, range(len(ODD))))
def test_any_text_names_only_itself(store: Store, cursor: Cursor, text: str) -> None:
    storable = "\0" not in text and "\ud800" not in text
    fill(cursor, [event_at(BEGIN, visitor_id=text)] if storable else [])
    for user in (None, text):
        reading = store.read(ONLY, [Asked(keys_of(text, user), BEGIN)])
        assert reading is not None
        assert bool(reading.stored[0].states) is storable
        reading = store.read(ONLY, [Asked(keys_of("v", user), BEGIN, (text,) if user else ())])
        assert reading is not None
        assert not reading.stored[0].states


def test_nothing_is_covered_before_the_first_batch_and_then_the_newest(store: Store, cursor: Cursor) -> None:
    fill(cursor, [])
    asked = [Asked(keys_of("v", None), BEGIN)]
    assert answered(lambda: store.read(ONLY, asked)).covered == Covered(None, {}, True)
    for batch, is_exact in ((4, True), (5, False)):
        cover(cursor, batch, is_exact=is_exact)
        assert answered(lambda: store.read(ONLY, asked)).covered == Covered(batch, POSITIONS, is_exact)
    assert store.covered == Covered(5, POSITIONS, False)


def test_a_store_that_hangs_is_given_up_and_comes_back(address: PostgresAddress, cursor: Cursor) -> None:
    asked = [Asked(keys_of("v", None), BEGIN)]
    with running(address, seconds=0.05) as store:
        answered(lambda: store.read(ONLY, asked))
        with closing(open_connection(address, application="tests")) as blocker, blocker.cursor() as locking:
            locking.execute("lock table features.session_v1 in access exclusive mode")
            began = time.monotonic()
            assert store.read(ONLY, asked) is None
            assert 0.04 < time.monotonic() - began < 0.5
            began = time.monotonic()
            assert store.read(ONLY, asked) is None
            assert time.monotonic() - began < 0.03
        assert answered(lambda: store.read(ONLY, asked)).sets


def test_a_broken_connection_is_made_anew_beside_the_loop(address: PostgresAddress) -> None:
    asked = [Asked(keys_of("v", None), BEGIN)]
    with relay_to(address.host, address.port) as relay:
        relay.open()
        with running(replace(address, port=relay.port)) as store:
            answered(lambda: store.read(ONLY, asked))
            relay.cut()
            for _ in range(3):
                assert store.read(ONLY, asked) is None
            assert not store.is_ready
            relay.open()
            assert answered(lambda: store.read(ONLY, asked)).sets


def test_sets_come_and_go_while_it_runs(address: PostgresAddress, cursor: Cursor) -> None:
    asked = [Asked(keys_of("v", None), BEGIN)]
    try:
        cursor.execute(LIVE, (None, ["session"]))
        with running(address, look_seconds=0.05) as store:
            reading = answered(lambda: store.read(ONLY, asked))
            assert "session" not in reading.sets
            cursor.execute(LIVE, (2, ["session"]))
            until = time.monotonic() + 10
            while "session" not in answered(lambda: store.read(ONLY, asked)).sets:
                assert time.monotonic() < until
                time.sleep(0.02)
    finally:
        cursor.execute(LIVE, (1, ["session"]))
