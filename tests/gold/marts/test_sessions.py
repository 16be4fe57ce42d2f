"""Sessions by hand: where one ends, what is in it, where it came from and what it earned."""

from datetime import timedelta

import pytest

from pipelines.contracts.gold import SESSIONS
from tests.gold.marts.mart_rows import all_of, day, event, message, minute, silver

pytestmark = pytest.mark.spark

EVENTS = [
    # v: one session by its id; what has none belongs to it as well, before and after.
    event(0, "ad_click", traffic_source="google", traffic_medium="cpc", traffic_campaign="spring"),
    event(1, session_id="s", page_type="home", page_path="/", country="DE"),
    event(2, "product_list_view", session_id="s", page_path="/c", user_id="u1"),
    event(3, "product_view", session_id="s", page_path="/p", traffic_source="mail", device_class="mobile"),
    event(4, "product_view", session_id="s", page_path="/q", device_class="desktop"),
    event(5, "add_to_cart", session_id="s", page_type="product", user_id="u2"),
    event(6, "checkout_start", session_id="s", page_path="/pay"),
    event(90, "heartbeat", session_id="s"),  # longer than the gap, but the same id
    event(7, "ad_impression", session_id="s", page_path="/elsewhere"),
    event(5, "add_to_cart", session_id="s", event_id="e0005", ingested_at=minute(400)),  # a late copy
    # w: no ids; half an hour is within, one microsecond more is not; midnight is within.
    event(690, visitor_id="w", page_type="home", is_bot=False),
    event(720, visitor_id="w", page_type="home"),
    event(750, visitor_id="w", page_type="home", occurred_at=minute(750) + timedelta(microseconds=1)),
    event(760, visitor_id="w", is_bot=True),
    # x: two tabs with ids of their own, side by side.
    event(0, visitor_id="x", session_id="a"),
    event(1, visitor_id="x", session_id="b"),
    event(2, visitor_id="x", session_id="a"),
    event(2.5, "interaction", visitor_id="x"),
    event(3, visitor_id="x", session_id="b"),
]
ORDERS = [
    message(8, "o1", "placed", session_id="s"),
    message(9, "o1", "paid", session_id="s", total_minor=1200),
    message(99999, "o1", "refunded", total_minor=200),
    message(10, "o2", "payment_failed"),
    message(11, "o3", total_minor=500, currency="USD"),
    message(12, "o4", total_minor=None),
    message(0, "o5", visitor_id="y", total_minor=None),
    message(0, "o6", visitor_id="z", status="refunded"),
]


@pytest.fixture(scope="module")
def sessions(spark):
    found = all_of(spark, silver(events=EVENTS, orders=ORDERS))[SESSIONS.name]
    return {(row["visitor_id"], row["session_id"]): row for row in found}


def of(row, *names):
    return tuple(row[name] for name in names)


def test_every_activity_is_in_one_session(sessions):
    assert sorted(sessions) == [
        ("v", "s"),
        ("w", f"gap:{int(minute(690).timestamp())}000000"),
        ("w", f"gap:{int(minute(750).timestamp())}000001"),
        ("x", "a"),
        ("x", "b"),
        ("y", f"gap:{int(minute(0).timestamp())}000000"),
    ]
    assert sum(row["events"] for row in sessions.values()) == len(EVENTS) - 2
    assert {of(row, "gap_seconds", "path_steps") for row in sessions.values()} == {(1800, 3)}
    assert [row["is_by_gap"] for _, row in sorted(sessions.items())] == [
        False,
        True,
        True,
        False,
        False,
        True,
    ]


def test_what_is_in_a_session_is_counted(sessions):
    session = sessions["v", "s"]
    assert of(session, "events", "page_views", "product_views", "carts", "checkouts") == (8, 5, 2, 1, 1)
    assert of(session, "started_at", "ended_at", "duration_seconds") == (minute(0), minute(90), 5400)
    assert of(session, "landing_page", "exit_page", "country", "user_id") == ("/", "/pay", "DE", "u2")
    assert of(session, "source", "medium", "campaign") == ("google", "cpc", "spring")
    assert of(session, "device_class", "is_bot", "is_bounce") == ("mobile", False, False)
    assert of(session, "funnel_step", "path") == (4, "home > category > product")


def test_orders_are_in_the_session_they_were_made_in_and_net_of_refunds(sessions):
    session = sessions["v", "s"]
    assert of(session, "orders", "paid_orders", "foreign_orders") == (4, 3, 1)
    assert of(session, "currency", "revenue_minor") == ("EUR", 1000)
    alone = next(row for (visitor, _), row in sessions.items() if visitor == "y")
    assert of(alone, "events", "orders", "currency", "revenue_minor") == (0, 1, "EUR", None)
    assert of(alone, "is_bounce", "path", "funnel_step", "source") == (False, None, 0, "direct")


def test_a_session_belongs_to_the_day_of_its_start(sessions):
    first, second = (row for (visitor, _), row in sorted(sessions.items()) if visitor == "w")
    assert of(first, "events", "session_date", "duration_seconds") == (2, day(0), 1800)
    assert of(second, "events", "session_date", "is_bot") == (2, day(1), True)
    assert of(first, "is_bot", "is_bounce", "path", "revenue_minor") == (False, False, "home", 0)


def test_tabs_side_by_side_are_sessions_of_their_own(sessions):
    assert of(sessions["x", "a"], "events", "duration_seconds") == (3, 150)
    assert of(sessions["x", "b"], "events", "duration_seconds") == (2, 120)
    assert of(sessions["x", "a"], "source", "medium", "device_class") == ("direct", None, None)
