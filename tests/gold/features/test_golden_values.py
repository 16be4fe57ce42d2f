"""Values worked out by hand: eight events of one visitor."""

from typing import Any

import pytest

from pipelines.gold.features.event import EVENT
from pipelines.gold.features.history import values_at
from pipelines.gold.features.scalar import key_of, merged, state_of, values
from pipelines.gold.features.sets import all_sets
from tests.gold.features.drawn_rows import Rows, spine_of, visible

SECOND = 1_000_000
DAY = 86_400 * SECOND
NOON = 20_000 * DAY + DAY // 2


def event(number: int, kind: str, seconds: int, product: str, price: int, **further: Any) -> dict[str, Any]:
    """One of v's events, in session s unless said otherwise."""
    given = {
        "kind": kind,
        "event_id": f"e{number}",
        "occurred_at": NOON + seconds * SECOND,
        "visitor_id": "v",
        "session_id": "s",
        "product_id": product,
        "price_minor": price,
        "offset": number,
        "known_at": NOON + seconds * SECOND,
    }
    return dict.fromkeys(EVENT.names) | given | further


EVENTS = [
    event(1, "product_view", -172_800, "p", 900, session_id="r", category="tea"),
    event(2, "product_view", 0, "p", 1000, category="tea"),
    event(3, "product_view", 10, "q", 4000, category="pots"),
    event(4, "add_to_cart", 20, "p", 1000),
    event(5, "product_view", 30, "p", 1100, category="tea"),
    event(6, "order_placed", 40, "p", 1000),
    event(7, "purchase", 50, "p", 1000),
    event(8, "add_to_cart", 60, "q", 4000),
]
LATER = event(9, "search", 100, "p", 0)
NEXT = event(8, "search", 50, "p", 0)
"""At the moment of the payment; of equal times the one with the greater id is later."""


def values_before(moment: dict[str, Any], name: str, rows: Rows) -> dict[str, Any]:
    """What was known of the entity of an event when the event came; history and plain Python agree."""
    feature_set = all_sets()[name]
    seen = [one for one in rows if key_of(feature_set, one) == key_of(feature_set, moment)]
    before = [one for one in seen if _place(one) < _place(moment)]
    state = merged(feature_set, (state_of(feature_set, one) for one in before))
    found = values(feature_set, state, at=moment["occurred_at"])
    spine = spine_of(feature_set, [moment], clock="occurred")
    assert values_at(feature_set, visible(rows, clock="occurred"), spine).to_pylist() == [found]
    return found


def _place(event: dict[str, Any]) -> tuple[int, str]:
    return event["occurred_at"], event["event_id"]


def test_a_product_in_a_visit():
    """Of p in s: views 2 and 5, cart 4, order 6, paid 7; view 1 is of another visit, 3 and 8 are of q."""
    assert values_before(LATER, "session_product", EVENTS) == {
        "events": 5,
        "views": 2,
        "carts": 1,
        "removals": 0,
        "purchases": 1,
        "view_price_sum": 2100,
        "view_price_mean": 1050.0,
        "cart_price_sum": 1000,
        "cart_price_mean": 1000.0,
        "purchase_price_sum": 1000,
        "purchase_price_mean": 1000.0,
        "price_min": 1000,
        "price_max": 1100,
        "seconds_since_first_event": 100,
        "seconds_since_last_event": 50,
        "seconds_since_last_view": 70,
        "seconds_since_last_cart": 80,
        "seconds_since_last_purchase": 50,
        "views_per_event": 0.4,
        "carts_per_event": 0.2,
        "purchases_per_event": 0.2,
        "carts_per_view": 0.5,
        "purchases_per_view": 0.5,
        "purchases_per_cart": 1.0,
    }


def test_a_user_over_all_time_and_what_trails():
    """An hour and a day hold events 2 to 8; a week and a month also the first."""
    lately = {
        "events": 7, "views": 3, "carts": 2, "removals": 0, "purchases": 1,
        "view_price_sum": 6100, "view_price_mean": 6100 / 3, "cart_price_sum": 5000,
        "cart_price_mean": 2500.0, "purchase_price_sum": 1000, "purchase_price_mean": 1000.0,
        "views_per_event": 3 / 7, "carts_per_event": 2 / 7, "purchases_per_event": 1 / 7,
        "carts_per_view": 2 / 3, "purchases_per_view": 1 / 3, "purchases_per_cart": 0.5,
    }  # fmt: skip
    whole = lately | {
        "events": 8, "views": 4, "view_price_sum": 7000, "view_price_mean": 1750.0,
        "views_per_event": 0.5, "carts_per_event": 0.25, "purchases_per_event": 0.125,
        "carts_per_view": 0.5, "purchases_per_view": 0.25,
    }  # fmt: skip
    ever = {
        "price_min": 900, "price_max": 4000, "seconds_since_first_event": 172_900,
        "seconds_since_last_event": 40, "seconds_since_last_view": 70, "seconds_since_last_cart": 40,
        "seconds_since_last_purchase": 50, "products": 2, "sessions": 2, "failed_payments": 0, "refunds": 0,
        "top_category": "tea",
    }  # fmt: skip
    expected = whole | ever
    for window, held in (("1h", lately), ("24h", lately), ("7d", whole), ("30d", whole)):
        expected |= {f"{name}_{window}": value for name, value in held.items()}
    assert values_before(LATER, "user", EVENTS) == expected


def test_windows_begin_at_the_full_hop():
    """An hour before 12:08:20 begins at 11:05: a view a second later counts, one a second before does not."""
    five_past = 300 - 3600
    rows = [
        event(1, "product_view", five_past - 1, "p", 1),
        event(2, "product_view", five_past, "p", 2),
        event(3, "product_view", five_past + 1, "p", 4),
    ]
    found = values_before(event(9, "search", 500, "p", 0), "user", rows)
    assert (found["views_1h"], found["view_price_sum_1h"], found["views_24h"]) == (2, 6, 3)


@pytest.mark.parametrize("name", ["session", "session_product", "user", "user_product", "product"])
def test_a_purchase_is_counted_when_it_is_paid_and_not_before(name):
    """Nothing is there at the cart, at the order and at the payment itself; with the next event it is."""
    moments = [EVENTS[3], EVENTS[5], EVENTS[6], NEXT]
    assert [values_before(one, name, EVENTS)["purchases"] for one in moments] == [0, 0, 0, 1]
