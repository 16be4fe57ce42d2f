"""What is known is what lies below the positions, and what the caller adds, each event once."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.positions import Vector
from pipelines.gold.features.scalar import key_of, merged, state_of, values
from pipelines.gold.features.sets import all_sets
from serving.scoring.question import Question
from tests.runtime.features.test_feed import BEGIN, MINUTE, PLACES, by_batch, streams
from tests.serving.state.memory_store import MemoryStore, Rows, below, linked
from tests.serving.state.shoppers import CLICKS, LATER, click, question_of, state_at


def expected(rows: Rows, question: Question) -> dict[str, Any]:
    """The features that the definition gives for these events."""
    keys, found = question.keys, {}
    for name in question.problem.sets:
        feature_set = all_sets()[name]
        visitors = [keys["visitor_id"]]
        if feature_set.entity.by_user:
            visitors = linked(rows, keys["user_id"]) or visitors
        wanted = [
            tuple(visitor if key == "visitor_id" else keys[key] for key in feature_set.keys)
            for visitor in visitors
        ]
        state = merged(
            feature_set, (state_of(feature_set, one) for one in rows if key_of(feature_set, one) in wanted)
        )
        of_set = values(feature_set, state, at=question.at)
        found |= {f"{name}__{column}": value for column, value in of_set.items()}
    return found


def _vectors() -> st.SearchStrategy[Vector]:
    return st.dictionaries(st.sampled_from(PLACES), st.integers(0, 14))


@settings(max_examples=40)
@given(streams(), _vectors(), _vectors(), _vectors(), st.integers(0, 25), st.sampled_from("vw"), st.data())
def test_all_that_lies_below_the_positions_is_known_and_nothing_else(
    records: Any, since: Vector, stored: Vector, moved: Vector, cut: int, visitor: str, data: Any
) -> None:
    """Wherever the store is, whichever partitions are followed, whatever the caller adds."""
    rows = by_batch(records)
    store = MemoryStore(rows, stored)
    state = state_at(store, since)
    user = data.draw(st.sampled_from(["ann", None]))
    keys = {"visitor_id": visitor, "session_id": "s", "product_id": "q", "user_id": user}
    question = question_of(keys=keys, at=BEGIN + data.draw(st.integers(0, 30 * 60)) * MINUTE)
    for part in (records[: cut // 2], records[cut // 2 : cut]):
        list(state.feed.take(part))
        state.known(question)
    store.move(moved)
    if rows:
        question = replace(question, added=data.draw(st.lists(st.sampled_from(rows), max_size=4)))
    (known,) = state.known_many([question])
    until = {(one.topic, one.partition): one.offset + 1 for one in records[:cut]}
    assert known.positions == moved | {
        place: max(moved.get(place, 0), until.get(place, 0), since[place], stored.get(place, 0))
        for place in since
    }
    assert known.is_whole == all(
        moved.get(place, 0) >= max(since[place], stored.get(place, 0)) for place in since
    )
    if known.is_whole:
        held = below(rows, known.positions)
        new = {(one["visitor_id"], one["event_id"]): one for one in reversed(question.added)}
        told = [one for one in new.values() if not state.feed.has_seen(one)]
        assert known.features == expected([*held, *told], question)


def test_a_question_about_an_event_does_not_see_it() -> None:
    state = state_at(MemoryStore([], {}), {CLICKS: 0})
    views = []
    for _, (event,) in state.feed.take([click(0), click(1)]):
        known = state.known(question_of(about=event))
        views.append((known.features["session__views"], known.in_flight, known.state_ahead, known.is_whole))
        assert known.positions == {CLICKS: event["offset"]}
    assert views == [(0, 0, False, True), (1, 1, False, True)]


def test_a_store_past_the_asking_event_is_ahead_of_it() -> None:
    rows = by_batch([click(0), click(1)])
    store = MemoryStore(rows, {CLICKS: 1})
    state = state_at(store, {CLICKS: 0})
    ((_, (event,)),) = state.feed.take([click(0)])
    known = state.known(question_of(about=event))
    assert (known.state_ahead, known.is_whole, known.features["session__views"]) == (True, False, 1)
    store.move({CLICKS: 0})
    assert not state.known(question_of()).state_ahead


def test_what_the_caller_adds_counts_once_and_for_this_question_only() -> None:
    state = state_at(MemoryStore([], {}), {CLICKS: 0})
    first, second = by_batch([click(0), click(1)])
    added = question_of(added=[first, second, dict(second)])
    assert state.known(added).features["session__views"] == 2
    assert state.known(question_of()).features["session__views"] == 0
    list(state.feed.take([click(0)]))
    known = state.known(added)
    assert (known.features["session__views"], known.in_flight) == (2, 1)


def test_a_user_is_all_linked_visitors_and_else_the_visitor() -> None:
    """By a link of the store, in flight, or told by the caller."""
    mine, theirs = click(0), [click(number, visitor="w", user="ann") for number in (1, 2)]
    rows = by_batch([mine, *theirs])
    asked = question_of(keys=question_of().keys | {"user_id": "ann"})
    store = MemoryStore(rows, {CLICKS: 1})
    state = state_at(store, {CLICKS: 1})

    def views(question: Question) -> Any:
        known = state.known(question)
        return known.features["user__views"], known.features["session__views"]

    assert views(asked) == (1, 1)
    assert views(replace(asked, added=rows[1:])) == (2, 1)
    signed_in = rows[1] | {"visitor_id": "v", "event_id": "sign"}
    assert views(replace(asked, added=[*rows[1:], signed_in])) == (4, 2)
    list(state.feed.take(theirs))
    assert views(asked) == (2, 1)
    store.move({CLICKS: 3})
    assert views(asked) == (2, 1)


def test_a_partition_that_is_begun_anew_behind_the_store_counts_nothing_twice() -> None:
    """While the store answers, and while it does not."""
    store = MemoryStore(by_batch([click(0), click(1)]), {CLICKS: 2})
    state = state_at(store, {CLICKS: 2})
    state.known(question_of())
    state.feed.begin({CLICKS: 0})
    list(state.feed.take([click(0)]))
    for store.is_away in (False, True):
        known = state.known(question_of())
        assert (known.features["session__views"], known.in_flight) == (2, 0)
        assert known.positions == {CLICKS: 2}


def test_a_set_that_is_not_live_is_as_of_nobody() -> None:
    store = MemoryStore(by_batch([click(0)]), {CLICKS: 1})
    state = state_at(store, {CLICKS: 1})
    store.live.pop("session")
    list(state.feed.take([click(1)]))
    known = state.known(question_of())
    assert (known.features["session__views"], known.features["user__views"]) == (0, 2)
    assert not known.is_whole
    store.live = all_sets()
    assert state.known(question_of()).features["session__views"] == 2


def test_a_batch_that_is_not_exact_is_not_whole() -> None:
    store = MemoryStore([], {CLICKS: 1})
    state = state_at(store, {CLICKS: 1})
    assert state.known(question_of()).is_whole
    store.move({CLICKS: 2}, is_exact=False)
    assert not state.known(question_of()).is_whole


def test_what_the_store_holds_is_let_go() -> None:
    store = MemoryStore(by_batch([click(0)]), {CLICKS: 0})
    state = state_at(store, {CLICKS: 0})
    list(state.feed.take([click(0)]))
    assert (state.known(question_of()).in_flight, len(state.feed.overlay)) == (1, 1)
    store.move({CLICKS: 1})
    assert (state.known(question_of()).in_flight, len(state.feed.overlay)) == (0, 0)
    assert state.known(question_of()).features["session__views"] == 1


def test_any_sets_can_be_asked_for() -> None:
    state = state_at(MemoryStore(by_batch([click(0)]), {CLICKS: 1}), {CLICKS: 1})
    known = state.known_of(["product"], {"product_id": "p"}, LATER)
    assert (known.features["product__views"], known.is_whole) == (1, True)
    assert {name.partition("__")[0] for name in known.features} == {"product"}
    state._store.asked = [("product", "twin"), ("twin",)]
    assert state.known_of(["product"], {"product_id": "p"}, LATER).features["product__views"] == 1
    both = state.known_of(["product", "user"], {"product_id": "p", "visitor_id": "v"}, LATER)
    assert (both.features["user__views"], both.is_whole) == (0, False)
    assert state.positions() == {CLICKS: 1}
