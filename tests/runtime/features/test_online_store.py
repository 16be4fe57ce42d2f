"""The interpreter in Postgres agrees with plain Python: any events, any batches, any order."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2.extensions import cursor as Cursor

from pipelines.connectors.postgres import connect, migrate, open_connection
from pipelines.gold.features.event import table_of
from pipelines.gold.features.feature_set import Entity
from pipelines.gold.features.partials import partials_of
from pipelines.gold.features.scalar import values
from pipelines.runtime.features.forgetting import Forgotten, forget
from pipelines.runtime.features.links import add_links
from pipelines.runtime.features.reading import read, read_users
from pipelines.runtime.features.tables import make_tables
from pipelines.runtime.features.upsert import upsert
from tests.conftest import empty_database
from tests.gold.features.shop import BEGIN, DAY, EVERYTHING, events, moments
from tests.runtime.features.stores import LONGEST, comparable, event_at, filled, keys_of, linked, state_by

pytestmark = pytest.mark.services
OF_USERS = replace(
    EVERYTHING, name="everything_of_users", entity=Entity("user", ("visitor_id", "session_id"), by_user=True)
)
ODD = [
    LONGEST,
    "",
    " ",
    "'",
    '"',
    '""',
    "\\",
    "\\N",
    "\\.",
    "\t",
    "a\nb\r\n",
    "NULL",
    "{}",
    "{a,b}",
    ",",
    "😀é",
    "%s",
    "$1",
]
_few = settings(max_examples=25)


@pytest.fixture(scope="module")
def cursor(stack, stack_names) -> Iterator[Cursor]:
    """A cursor that sees its own transaction, in a database with the tables of both sets."""
    with empty_database(stack, stack_names) as address:
        with connect(address) as connection:
            migrate(connection)
        with (
            closing(open_connection(address, application="tests")) as connection,
            connection.cursor() as cursor,
        ):
            make_tables(cursor, EVERYTHING)
            make_tables(cursor, OF_USERS)
            yield cursor


@_few
@given(events(), st.randoms(use_true_random=False), st.lists(st.integers(0, 40), max_size=3), moments())
def test_batches_of_partials_add_up_to_the_states_of_their_events(
    cursor: Cursor, rows: list[dict[str, Any]], random: Any, cuts: list[int], at: int
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    bounds = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    filled(cursor, EVERYTHING, *(shuffled[low:high] for low, high in pairwise(bounds)))
    keys = [*keys_of(EVERYTHING, rows), ("nobody", "s")]
    for moment in (at, *(one["occurred_at"] for one in rows[:2])):
        found = read(cursor, EVERYTHING, keys, at=moment)
        assert [one.key for one in found] == keys
        for one in found:
            expected = state_by(EVERYTHING, rows, one.key)
            assert comparable(EVERYTHING, one.state, at=moment) == comparable(EVERYTHING, expected, at=moment)
            assert values(EVERYTHING, one.state, at=moment) == values(EVERYTHING, expected, at=moment)


@_few
@given(events(), st.sets(st.tuples(st.sampled_from("vw"), st.sampled_from(["ann", "bob"]))), moments())
def test_a_user_is_all_visitors_who_are_linked_to_them(
    cursor: Cursor, rows: list[dict[str, Any]], links: set[tuple[str, str]], at: int
) -> None:
    filled(cursor, OF_USERS, rows)
    add_links(cursor, linked([(*link, 1) for link in sorted(links)]))
    keys = [("ann", "s"), ("bob", "s"), ("ann", "t"), ("nobody", "s")]
    for one in read_users(cursor, OF_USERS, keys, at=at):
        visitors = [visitor for visitor, user in links if user == one.key[0]]
        expected = state_by(OF_USERS, rows, *((visitor, one.key[1]) for visitor in visitors))
        assert comparable(OF_USERS, one.state, at=at) == comparable(OF_USERS, expected, at=at)
        assert values(OF_USERS, one.state, at=at) == values(OF_USERS, expected, at=at)


@_few
@given(events(), moments(), st.integers(0, 3 * DAY))
def test_what_is_forgotten_changes_no_value_from_then_on(
    cursor: Cursor, rows: list[dict[str, Any]], at: int, later: int
) -> None:
    filled(cursor, EVERYTHING, rows)
    keys = keys_of(EVERYTHING, rows)
    before = read(cursor, EVERYTHING, keys, at=at + later)
    forget(cursor, EVERYTHING, before=at, keep_days=0)
    assert forget(cursor, EVERYTHING, before=at, keep_days=0) == Forgotten(0, 0)
    after = read(cursor, EVERYTHING, keys, at=at + later)
    for one, other in zip(before, after, strict=True):
        assert values(EVERYTHING, one.state, at=at + later) == values(EVERYTHING, other.state, at=at + later)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: ascii(odd[:9]))
def test_every_text_comes_back_as_it_was(cursor: Cursor, odd: str) -> None:
    texts = dict.fromkeys(("visitor_id", "session_id", "product_id", "category", "event_id"), odd)
    rows = [event_at(BEGIN, **texts), event_at(BEGIN + 1, **texts | {"category": f"{odd}{odd}"})]
    filled(cursor, EVERYTHING, rows[:1], rows[1:])
    (found,) = read(cursor, EVERYTHING, [(odd, odd)], at=BEGIN)
    expected = state_by(EVERYTHING, rows, (odd, odd))
    assert comparable(EVERYTHING, found.state, at=BEGIN) == comparable(EVERYTHING, expected, at=BEGIN)


def test_partials_of_several_workers_are_one_batch(cursor: Cursor) -> None:
    """Their tables one after the other name an entity more than once."""
    rows = [event_at(BEGIN + n, event_id=f"e{n}", category="ab"[n % 2]) for n in range(5)]
    filled(cursor, EVERYTHING)
    partials = [partials_of(EVERYTHING, table_of([one])) for one in rows]
    upsert(cursor, EVERYTHING, pa.concat_tables(partials), batch_id=7)
    (found,) = read(cursor, EVERYTHING, [("v", "s")], at=BEGIN)
    expected = state_by(EVERYTHING, rows, ("v", "s"))
    assert comparable(EVERYTHING, found.state, at=BEGIN) == comparable(EVERYTHING, expected, at=BEGIN)
    assert newest_batch(cursor) == 7


def test_a_row_names_the_newest_batch_that_added_to_it(cursor: Cursor) -> None:
    filled(cursor, EVERYTHING)
    for batch, newest in ((7, 7), (9, 9), (8, 9)):
        upsert(cursor, EVERYTHING, partials_of(EVERYTHING, table_of([event_at(BEGIN)])), batch_id=batch)
        assert newest_batch(cursor) == newest


def newest_batch(cursor: Cursor) -> int:
    """The batch of the one row that there is."""
    cursor.execute("select batch_id from features.everything_v1")
    ((batch,),) = cursor.fetchall()
    return batch


def test_no_keys_and_no_partials_are_nothing(cursor: Cursor) -> None:
    filled(cursor, EVERYTHING, [])
    assert read(cursor, EVERYTHING, [], at=BEGIN) == []
