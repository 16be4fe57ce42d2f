"""Reads computed again from events equal what plain Python says of them; what is wrong is told by column."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.positions import Vector
from pipelines.gold.features.comparing import PLACED, LoggedRead, chains, compared
from pipelines.gold.features.event import table_of
from pipelines.gold.features.feature_set import Entity
from pipelines.gold.features.scalar import merged, state_of, values
from tests.gold.features.placed import Rows, below, scattered, vectors
from tests.gold.features.shop import BEGIN, EVERYTHING, moments

OF_USERS = replace(EVERYTHING, entity=Entity("user", ("visitor_id", "session_id"), by_user=True))
FAULTS = ("mismatch", "missing", "extra")
Asked = list[tuple[str, Vector, int]]


def asked() -> st.SearchStrategy[Asked]:
    """Who is read, what had been covered, at which moment: in no order."""
    return st.lists(st.tuples(st.sampled_from(["v", "w", "x"]), vectors(), moments()), min_size=1, max_size=8)


def read(number: int, name: str, rows: Rows, positions: Vector, at: int) -> LoggedRead:
    """What plain Python reads of these events."""
    state = merged(EVERYTHING, (state_of(EVERYTHING, one) for one in rows))
    return LoggedRead(f"r/{number}", (name, "s"), at, positions, values(EVERYTHING, state, at=at))


def of_visitor(rows: Rows, visitor: str) -> Rows:
    """The events of the visitor's session."""
    return [one for one in rows if (one["visitor_id"], one["session_id"]) == (visitor, "s")]


def links_of(rows: Rows) -> pa.Table:
    """The events that name a user, too."""
    return table_of(one for one in rows if one["user_id"]).select(["visitor_id", "user_id", *PLACED])


def faults(found: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The columns with a fault."""
    counts = {name: tuple(getattr(one, fault) for fault in FAULTS) for name, one in found.items()}
    return {name: count for name, count in counts.items() if any(count)}


@given(scattered(), asked())
def test_every_read_is_what_lay_below_its_positions(rows: Rows, wanted: Asked) -> None:
    reads = [
        read(number, name, of_visitor(below(rows, positions), name), positions, at)
        for number, (name, positions, at) in enumerate(wanted)
    ]
    found = compared(EVERYTHING, reads, table_of(rows), None)
    assert faults(found) == {}
    assert {one.reads for one in found.values()} == {len(reads)}


@given(scattered(), asked())
def test_a_user_is_every_visitor_linked_by_then(rows: Rows, wanted: Asked) -> None:
    reads = []
    for number, (name, positions, at) in enumerate(wanted):
        there, user = below(rows, positions), {"v": "ann", "w": "bob"}.get(name, "nobody")
        visitors = {one["visitor_id"] for one in there if one["user_id"] == user}
        mine = [one for visitor in sorted(visitors) for one in of_visitor(there, visitor)]
        reads.append(read(number, user, mine, positions, at))
    assert faults(compared(OF_USERS, reads, table_of(rows), links_of(rows))) == {}


@given(st.lists(vectors(), max_size=12))
def test_chains_rise_and_leave_nothing_out(given_: list[Vector]) -> None:
    found = chains(given_)
    assert sorted(number for chain in found for number in chain) == list(range(len(given_)))
    for chain in found:
        for earlier, later in pairwise(chain):
            assert all(given_[later].get(place, 0) >= end for place, end in given_[earlier].items())


def event(offset: int, **given_: Any) -> dict[str, Any]:
    """A view of a product, a minute after the one before it."""
    row = {"kind": "product_view", "event_id": f"e{offset}", "visitor_id": "v", "session_id": "s"}
    where = {"topic": "clicks", "partition": 0, "offset": offset}
    return row | where | {"occurred_at": BEGIN + offset * 60_000_000, "price_minor": 5, **given_}


def changed(one: LoggedRead, **given_: Any) -> LoggedRead:
    """The read with other values."""
    return one._replace(values=dict(one.values) | given_)


ROWS = [event(0), event(1), event(2)]
AT = BEGIN + 3_600_000_000
PLANTED: dict[str, tuple[dict[str, Any], dict[str, tuple[int, ...]]]] = {
    "mismatch": ({"views": 99}, {"views": (1, 0, 0)}),
    "missing": ({"views": None}, {"views": (0, 1, 0)}),
    "extra": ({"favourite": "a"}, {"favourite": (0, 0, 1)}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_wrong_value_is_told_with_what_it_should_be(fault: str) -> None:
    two = {("clicks", 0): 2}
    whole = read(0, "v", ROWS, {("clicks", 0): 3}, AT)
    sound = read(1, "v", ROWS[:2], two, AT)
    assert sound.values["favourite"] is None
    given_, expected = PLANTED[fault]
    found = compared(EVERYTHING, [whole, changed(sound, **given_)], table_of(ROWS), None)
    assert faults(found) == expected
    ((column, online),) = given_.items()
    (example,) = found[column].examples
    assert example == {
        "read": "r/1",
        "entity": ["v", "s"],
        "online": online,
        "offline": sound.values[column],
    }


def test_an_event_twice_or_not_at_all_is_a_mismatch() -> None:
    """As if the store and what is in flight had both had it, or neither."""
    positions = {("clicks", 0): 2}
    for held in (ROWS[:1], [*ROWS[:2], ROWS[1]], ROWS):
        found = compared(EVERYTHING, [read(0, "v", held, positions, AT)], table_of(ROWS), None)
        assert found["views"].mismatch == 1


def test_the_cost_of_lateness_is_what_had_occurred_but_not_arrived() -> None:
    late = [event(0), event(1), event(2, occurred_at=BEGIN)]
    reads = [read(0, "v", late[:2], {("clicks", 0): 2}, AT), read(1, "v", late, {("clicks", 0): 3}, AT)]
    found = compared(EVERYTHING, reads, table_of(late), None)
    assert faults(found) == {}
    assert (found["views"].late, found["cheapest"].late) == (1, 0)


def test_a_column_that_a_read_did_not_have_is_left_out() -> None:
    """A ratio may be added under the same version."""
    sound = read(0, "v", ROWS, {("clicks", 0): 3}, AT)
    older = sound._replace(values={name: one for name, one in sound.values.items() if name != "view_share"})
    found = compared(EVERYTHING, [sound, older], table_of(ROWS), None)
    assert faults(found) == {}
    assert (found["view_share"].reads, found["views"].reads) == (1, 2)
