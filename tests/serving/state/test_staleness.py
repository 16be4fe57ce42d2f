"""What stands in for a part that does not answer, and how old it is."""

import pytest

from serving.scoring.known import Stale
from tests.runtime.features.test_feed import by_batch
from tests.serving.state.memory_store import MemoryStore
from tests.serving.state.shoppers import CHECKOUT, CLICKS, LATER, click, question_of, state_at


def test_the_last_state_stands_in_for_a_store_that_is_away() -> None:
    clock = [LATER]
    store = MemoryStore(by_batch([click(0)]), {CLICKS: 1})
    state = state_at(store, {CLICKS: 1}, clock=clock, silent_after_ms=1_000_000)
    before = state.known(question_of())
    store.is_away = True
    clock.append(LATER + 7_000_000)
    list(state.feed.take([click(1)]))
    known = state.known(question_of())
    assert known.stale == (Stale("postgres", 7_000),)
    assert (known.is_whole, known.batch_id, known.positions) == (False, before.batch_id, {CLICKS: 2})
    assert (known.features["session__views"], known.in_flight) == (2, 1)
    other = state.known(question_of(keys=question_of().keys | {"visitor_id": "nobody"}, problem=CHECKOUT))
    assert (other.stale, other.features["session__views"]) == ((Stale("postgres", None),), 0)
    store.is_away = False
    assert state.known(question_of()).stale == ()


def test_only_so_many_entities_are_remembered() -> None:
    store = MemoryStore([], {})
    state = state_at(store, {}, remembered=len(CHECKOUT.sets))
    for visitor in ("v", "w"):
        state.known(question_of(keys=question_of().keys | {"visitor_id": visitor}, problem=CHECKOUT))
    store.is_away = True
    ages = [
        state.known(question_of(keys=question_of().keys | {"visitor_id": visitor}, problem=CHECKOUT)).stale
        for visitor in ("v", "w")
    ]
    assert ages == [(Stale("postgres", None),), (Stale("postgres", 0),)]


@pytest.mark.parametrize(
    ("caught_up", "stale"),
    [(None, (Stale("kafka", None),)), (-5_000_000, ()), (-5_001_000, (Stale("kafka", 5_001),))],
)
def test_a_silent_kafka_is_said(caught_up: int | None, stale: tuple[Stale, ...]) -> None:
    state = state_at(MemoryStore([], {}), {CLICKS: 0})
    state.feed.caught_up_at = caught_up and LATER + caught_up
    known = state.known(question_of())
    assert (known.stale, known.is_whole) == (stale, True)
