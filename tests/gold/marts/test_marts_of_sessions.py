"""Funnels, paths, daily sums and cohorts by hand."""

import pytest

from pipelines.contracts.gold import COHORTS, DAILY_SESSIONS, FUNNELS, PATHS
from pipelines.gold.marts import MartRules
from tests.gold.marts.mart_rows import all_of, day, event, message, silver

pytestmark = pytest.mark.spark

DAY = 1440
VIEW, CART, CHECKOUT = "product_view", "add_to_cart", "checkout_start"


def visit(visitor, start, *steps, **fields):
    """Events a minute apart, in a session of the visitor's name and start."""
    common = {"visitor_id": visitor, "session_id": f"{visitor}{start}"} | fields
    return [event(start + n, step, **common) for n, step in enumerate(steps)]


EVENTS = [
    *visit("a", 0, VIEW, CART, CHECKOUT, traffic_source="google"),  # then orders
    *visit("a", 100, VIEW, VIEW, CART, traffic_source="google"),
    *visit("b", 0, CART, VIEW, CHECKOUT, traffic_source="google"),  # what came before the view does not count
    *visit("c", 0, VIEW, CART, traffic_source="google"),  # orders without a checkout
    *visit("d", 0, VIEW, device_class="mobile"),  # orders without a cart
    *visit("e", 0, "page_view", page_type="home"),
    *visit("robot", 0, VIEW, CART, is_bot=True),
    *visit("a", 8 * DAY, "page_view", page_type="home"),
    *visit("b2", 9 * DAY, "page_view", page_type="home"),
    *visit("b2", 22 * DAY, "page_view", page_type="home"),
]
ORDERS = [
    message(3, "o1", "placed", visitor_id="a", session_id="a0"),
    message(5, "o2", visitor_id="c", session_id="c0"),
    message(2, "o3", visitor_id="d", session_id="d0", currency="USD"),
    message(4, "o4", visitor_id="d", session_id="d0", currency="USD"),
    message(22 * DAY + 1, "o5", visitor_id="b2", session_id=f"b2{22 * DAY}"),
]
LINKS = [{"visitor_id": one, "user_id": "u"} for one in ("b", "b2")]


@pytest.fixture(scope="module")
def marts(spark):
    return all_of(spark, silver(events=EVENTS, orders=ORDERS, links=LINKS))


def cells(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


def test_a_funnel_counts_steps_in_their_order_of_time(marts):
    rows = [row for row in marts[FUNNELS.name] if row["session_date"] == day(0)]
    steps = ("sessions", "viewed", "carted", "checked_out", "ordered")
    assert cells(rows, "source", "device_class", *steps, "conversion_micros") == [
        ("direct", "mobile", 1, 1, 0, 0, 0, 0),
        ("direct", "unknown", 1, 0, 0, 0, 0, None),
        ("google", "unknown", 4, 4, 3, 2, 2, 500_000),
    ]


def test_a_visitor_counts_once_a_step(marts):
    google = next(row for row in marts[FUNNELS.name] if row["source"] == "google")
    steps = ("visitors", "viewing_visitors", "carting_visitors", "checking_out_visitors", "ordering_visitors")
    assert cells([google], *steps) == [(3, 3, 2, 2, 2)]


def test_paths_are_ranked_within_their_day(marts):
    rows = sorted(marts[PATHS.name], key=lambda row: (row["session_date"], row["place"]))
    names = ("session_date", "place", "path", "sessions", "ordering_sessions", "orders")
    assert cells(rows, *names) == [
        (day(0), 1, "product", 3, 2, 3),
        (day(0), 2, "product > checkout", 2, 1, 1),
        (day(0), 3, "home", 1, 0, 0),
        (day(8), 1, "home", 1, 0, 0),
        (day(9), 1, "home", 1, 0, 0),
        (day(22), 1, "home", 1, 1, 1),
    ]


def test_daily_sums_hold_every_session_and_each_currency_apart(marts):
    rows = marts[DAILY_SESSIONS.name]
    first = [row for row in rows if row["session_date"] == day(0)]
    names = ("source", "device_class", "is_bot", "currency", "sessions", "bounces", "orders", "paid_orders")
    assert cells(first, *names, "revenue_minor", "duration_seconds") == [
        ("direct", "mobile", False, "USD", 1, 0, 2, 2, 2000, 240),
        ("direct", "unknown", False, "", 1, 1, 0, 0, 0, 0),
        ("direct", "unknown", True, "", 1, 0, 0, 0, 0, 60),
        ("google", "unknown", False, "", 3, 0, 1, 0, 0, 180 + 120 + 120),
        ("google", "unknown", False, "EUR", 1, 0, 1, 1, 1000, 300),
    ]


WEEKS = [
    # The first Sunday is the last day of the week of 23 February; b and b2 are one person.
    (day(-6), 0, 5, 5, 2),
    (day(-6), 2, 5, 2, 0),
    (day(-6), 4, 5, 1, 1),
]
DAYS = [(day(0), 0, 5, 5, 2), (day(0), 8, 5, 1, 0), (day(0), 9, 5, 1, 0), (day(0), 22, 5, 1, 1)]


@pytest.mark.parametrize(("period", "expected"), [(7, WEEKS), (1, DAYS)])
def test_a_cohort_is_followed_by_weeks_or_days(spark, period, expected):
    rules = MartRules(period_days=period)
    rows = all_of(spark, silver(events=EVENTS, orders=ORDERS, links=LINKS), rules)[COHORTS.name]
    assert {row["period_days"] for row in rows} == {period}
    assert cells(rows, "cohort_date", "periods_since", "people", "active", "buyers") == expected
