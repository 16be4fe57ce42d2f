"""The interpreters of feature sets agree: one event at a time, tables of partials, history."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.gold.features.event import table_of
from pipelines.gold.features.feature_set import FeatureSet, Part
from pipelines.gold.features.history import values_at
from pipelines.gold.features.latest import LAST_EVENT, latest
from pipelines.gold.features.monoids import Element
from pipelines.gold.features.monoids.add import Add
from pipelines.gold.features.partials import TILE, lifetimes, partials_of, tiles
from pipelines.gold.features.scalar import Elements, State, is_expired, key_of, merged, state_of, values
from tests.gold.features.shop import BEGIN, EVERYTHING, events, moments

Rows = list[dict[str, Any]]


def seen_by(rows: Rows, key: tuple[str, ...]) -> State:
    """The state of an entity, event by event."""
    return merged(EVERYTHING, (state_of(EVERYTHING, one) for one in rows if key_of(EVERYTHING, one) == key))


def spine_of(moments_: list[tuple[int, int]], *, ids: list[str]) -> pa.Table:
    """Rows about ("v", "s"), each with the moment it is at and what it sees."""
    return pa.table(
        {
            "visitor_id": ["v"] * len(moments_),
            "session_id": ["s"] * len(moments_),
            "at": pa.array([at for at, _ in moments_], pa.int64()),
            "seen_at": pa.array([seen for _, seen in moments_], pa.int64()),
            "event_id": ids,
        }
    )


@given(events(), st.randoms(use_true_random=False), st.lists(st.integers(0, 40), max_size=4), moments())
def test_order_and_grouping_of_merges_do_not_matter(
    rows: Rows, random: Any, cuts: list[int], at: int
) -> None:
    """Merged in any order and cut into any batches, the state is the same."""
    shuffled = list(rows)
    random.shuffle(shuffled)
    bounds = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    batches = [shuffled[low:high] for low, high in pairwise(bounds)]
    cut = merged(EVERYTHING, [seen_by(batch, ("v", "s")) for batch in batches])
    assert cut == seen_by(rows, ("v", "s"))
    assert values(EVERYTHING, cut, at=at) == values(EVERYTHING, seen_by(rows, ("v", "s")), at=at)


@given(events(), st.integers(0, 40))
def test_tables_of_partials_hold_the_states_that_single_events_add_up_to(rows: Rows, cut: int) -> None:
    """Two batches of partials, folded, are every entity's state, tile by tile."""
    batches = [partials_of(EVERYTHING, table_of(part)) for part in (rows[:cut], rows[cut:])]
    stored = pa.concat_tables(batches)
    for key in {key_of(EVERYTHING, one) for one in rows} - {None}:
        assert key is not None
        state = seen_by(rows, key)
        found = _rows_of(lifetimes(EVERYTHING, stored), EVERYTHING, key)
        assert [_elements(row, EVERYTHING.lifetime_parts) for row in found] == [
            _without_zeros(state.lifetime)
        ]
        for hop in EVERYTHING.hops:
            there = _rows_of(tiles(EVERYTHING, stored, hop=hop), EVERYTHING, key)
            elements = {(hop, row[TILE]): _elements(row, EVERYTHING.tile_parts(hop)) for row in there}
            assert elements == {
                tile: _without_zeros(held) for tile, held in state.tiles.items() if tile[0] == hop
            }


@given(
    events(),
    st.lists(st.tuples(moments(), st.sampled_from(["", "a0", "Z3", "é1", "😀9"])), min_size=1, max_size=6),
)
def test_history_by_time_sees_what_came_strictly_before(rows: Rows, at: list[tuple[int, str]]) -> None:
    """Each row's values are those of the events before its (time, id)."""
    table = table_of(rows)
    spine = spine_of([(moment, moment) for moment, _ in at], ids=[name for _, name in at])
    found = values_at(EVERYTHING, table.append_column("visible_at", table["occurred_at"]), spine).to_pylist()
    for (moment, name), row in zip(at, found, strict=True):
        before = [one for one in rows if (one["occurred_at"], one["event_id"]) < (moment, name)]
        assert row == values(EVERYTHING, seen_by(before, ("v", "s")), at=moment)


@given(events(), st.lists(st.tuples(moments(), st.sampled_from(["", "a0", "Z3"])), min_size=1, max_size=6))
def test_history_takes_any_numbers_that_rise_with_what_is_seen(rows: Rows, at: list[tuple[int, str]]) -> None:
    """Also numbers so far apart that entity and number do not fit into 64 bits together."""
    table = table_of(rows)
    apart = pc.multiply(pc.subtract(table["occurred_at"], BEGIN), 2**23)
    spine = spine_of([(moment, (moment - BEGIN) * 2**23) for moment, _ in at], ids=[name for _, name in at])
    near = spine_of([(moment, moment) for moment, _ in at], ids=[name for _, name in at])
    found = values_at(EVERYTHING, table.append_column("visible_at", apart), spine)
    assert found == values_at(EVERYTHING, table.append_column("visible_at", table["occurred_at"]), near)


@given(events(), st.lists(st.tuples(moments(), st.integers(0, 41)), min_size=1, max_size=6))
def test_history_by_arrival_sees_what_had_arrived(rows: Rows, at: list[tuple[int, int]]) -> None:
    """Each row's values are those of the events below its offset, whenever they occurred."""
    table = table_of(rows)
    found = values_at(
        EVERYTHING, table.append_column("visible_at", table["offset"]), spine_of(at, ids=[""] * len(at))
    ).to_pylist()
    for (moment, offset), row in zip(at, found, strict=True):
        arrived = [one for one in rows if one["offset"] < offset]
        assert row == values(EVERYTHING, seen_by(arrived, ("v", "s")), at=moment)


@pytest.mark.parametrize("part", EVERYTHING.parts, ids=lambda part: part.feature)
@given(rows=events(most=12))
def test_each_monoid_is_commutative_and_associative_with_a_unit(part: Any, rows: Rows) -> None:
    """The laws that let order, grouping and repetition of merges not matter."""
    monoid = part.aggregate.monoid
    found: list[Element | None] = [part.aggregate.lift(one) for one in rows] + [None, None, None]
    for one, two, three in zip(found, found[1:], found[2:], strict=False):
        assert monoid.add(one, two) == monoid.add(two, one)
        assert monoid.add(monoid.add(one, two), three) == monoid.add(one, monoid.add(two, three))
        assert monoid.add(one, None) == one


def _rows_of(table: pa.Table, feature_set: FeatureSet, key: tuple[str, ...]) -> Rows:
    return [row for row in table.to_pylist() if tuple(row[name] for name in feature_set.keys) == key]


def _elements(row: dict[str, Any], parts: Sequence[Part]) -> dict[str, Element]:
    found = {part.feature: tuple(row[name] for name in part.columns) for part in parts}
    return _without_zeros({name: element for name, element in found.items() if element[0] is not None})


def _without_zeros(elements: Elements) -> dict[str, Element]:
    """In a table a sum of nothing is 0."""
    sums = {part.feature for part in EVERYTHING.parts if isinstance(part.aggregate.monoid, Add)}
    return {name: found for name, found in elements.items() if name not in sums or any(found)}


@given(events(), moments())
def test_the_latest_values_are_those_of_the_entities_that_live(rows: Rows, at: int) -> None:
    """Of partials folded from two batches, whatever tile they are in."""
    half = len(rows) // 2
    stored = pa.concat_tables(
        [partials_of(EVERYTHING, table_of(part)) for part in (rows[:half], rows[half:])]
    )
    found = {
        tuple(row.pop(name) for name in EVERYTHING.keys): row
        for row in latest(EVERYTHING, stored, at=at).drop_columns(LAST_EVENT).to_pylist()
    }
    keys = {key for one in rows if (key := key_of(EVERYTHING, one)) is not None}
    states = {key: seen_by(rows, key) for key in keys}
    living = {key: one for key, one in states.items() if not is_expired(EVERYTHING.ttl, one.lifetime, at=at)}
    assert found == {key: values(EVERYTHING, one, at=at) for key, one in living.items()}
