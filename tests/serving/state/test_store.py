"""Reading Postgres: all sets of a question in one snapshot, and never longer than allowed."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2.extensions import cursor as Cursor

from pipelines.gold.features.scalar import values
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.feed import Feed
from pipelines.runtime.features.links import add_links
from serving.state.entities import entities_of
from serving.state.rows import Covered
from serving.state.shopper import ShopperState
from serving.state.store import Asked, Store
from tests.gold.features.shop import BEGIN, DAY, events, moments
from tests.records import reader_of
from tests.runtime.features.stores import LONGEST, comparable, event_at, linked, state_by
from tests.runtime.features.stores import keys_of as keys_of_set
from tests.serving.state.postgres_store import NAMES, ONLY, POSITIONS, answered, cover, fill, keys_of

pytestmark = pytest.mark.services
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


def test_a_shopper_is_known_from_what_is_stored_and_what_is_in_flight(store: Store, cursor: Cursor) -> None:
    """Of a user whom the store links with one visitor and an event in flight with another."""
    here = {"topic": "clicks", "partition": 0, "ingested_at": 0, "known_at": 0, "properties": None}
    rows = [event_at(BEGIN + number, event_id=f"e{number}", **here, offset=6 + number) for number in range(3)]
    rows[1]["visitor_id"], rows[2]["visitor_id"], rows[2]["user_id"] = "w", "w", "ann"
    fill(cursor, rows[:1])
    add_links(cursor, linked([("v", "ann", 1)]))
    cover(cursor, 3)
    state = ShopperState(store, Feed(reader_of(), all_sets().values(), since={("clicks", 0): 7}))
    state.feed.overlay.add(rows[1:], until={("clicks", 0): 9})
    known = state.known_of(NAMES, keys_of("v", "ann", "p"), BEGIN + DAY)
    assert (known.batch_id, known.positions) == (3, POSITIONS | {("clicks", 0): 9})
    assert (known.is_whole, known.in_flight) == (True, 2)
    merged = [one | {"visitor_id": "v"} for one in rows]
    expected = {
        "user": merged,
        "user_product": merged,
        "product": rows,
        "session": rows[:1],
        "traffic": rows[:1],
    }
    for name, seen in expected.items():
        feature_set = all_sets()[name]
        state_then = state_by(feature_set, seen, *keys_of_set(feature_set, seen))
        for column, value in values(feature_set, state_then, at=BEGIN + DAY).items():
            assert (column, known.features[f"{name}__{column}"]) == (column, value)
