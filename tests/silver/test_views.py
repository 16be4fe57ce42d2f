"""Periods, orders and identities as views: by hand, and against plain Python."""

import pytest
from hypothesis import given, settings

from pipelines.contracts.lake import all_tables
from pipelines.contracts.topics import all_topics
from pipelines.contracts.views import all_views
from tests.silver import oracles
from tests.silver.lake_rows import arrow_rows, by_key, in_duckdb, order_rows, second

VERSIONED = [
    (topic.name, topic.key, column)
    for topic, column in zip(
        (all_topics()[name] for name in ("users", "products", "offers")),
        ("level", "brand", "campaign"),
        strict=True,
    )
]


def ask(view, rows, *, table):
    return by_key(in_duckdb({table: arrow_rows(table, rows)}, view), view)


def order(*messages):
    """How one order stands after messages `(status, second, total, further fields)`; the n-th is e<n>."""
    sent = [
        {"order_id": "o", "event_id": f"e{n}", "status": status, "occurred_at": second(at)}
        | ({"total_minor": total} | dict(*more))
        for n, (status, at, total, *more) in enumerate(messages)
    ]
    (found,) = ask("silver.orders_current", order_rows(sent), table="silver.orders")
    return found


def money(found):
    return found["status"], found["paid_minor"], found["refunded_minor"], found["net_minor"]


def test_views_say_what_they_are_and_read_what_is_declared():
    known = {*all_tables()}
    for view in all_views().values():
        assert set(view.reads) <= known
        assert view.grain.startswith("One row per ")
        assert view.name not in all_tables()
        known.add(view.name)


@pytest.mark.parametrize(("plural", "key", "_"), VERSIONED)
def test_periods_have_all_columns_of_the_version_and_its_end(plural, key, _):
    rows = in_duckdb({}, f"silver.{plural}_periods")
    assert rows.column_names == [*all_tables()[f"silver.{plural}"].column_names, "valid_to"]
    assert all_views()[f"silver.{plural}_periods"].keys == (key, "valid_from")


def test_a_tombstone_ends_a_period_and_a_later_version_begins_anew():
    rows = [
        {"user_id": "u", "valid_from": second(0), "level": "BRONZE"},
        {"user_id": "u", "valid_from": second(4), "is_deleted": True},
        {"user_id": "u", "valid_from": second(9), "level": "GOLD"},
        {"user_id": "u", "valid_from": second(2), "level": "SILVER"},
    ]
    found = ask("silver.users_periods", rows, table="silver.users")
    assert [(r["level"], r["valid_from"], r["valid_to"], r["is_deleted"]) for r in found] == [
        ("BRONZE", second(0), second(2), False),
        ("SILVER", second(2), second(4), False),
        (None, second(4), second(9), True),
        ("GOLD", second(9), None, False),
    ]


@pytest.mark.parametrize(("plural", "key", "column"), VERSIONED)
def test_periods_are_those_of_plain_python(plural, key, column):
    @settings(max_examples=40)
    @given(oracles.version_rows(key, column))
    def check(rows):
        found = ask(f"silver.{plural}_periods", rows, table=f"silver.{plural}")
        expected = oracles.periods(rows, key=key)
        expected.sort(key=lambda row: (row[key], row["valid_from"]))
        assert [{name: row[name] for name in (*rows[0], "valid_to")} for row in found] == expected

    check()


def test_a_payment_that_is_tried_again():
    found = order(
        ("placed", 0, 100, {"user_id": "u", "currency": "EUR"}),
        ("payment_failed", 1, 100, {"failure_reason": "timeout"}),
        ("payment_failed", 2, 100, {"failure_reason": "card_expired"}),
        ("paid", 3, 100, {"payment_method": "card"}),
    )
    assert money(found) == ("paid", 100, 0, 100)
    assert (found["payment_attempts"], found["failed_attempts"], found["versions"]) == (3, 2, 4)
    assert (found["failure_reason"], found["payment_method"]) == ("card_expired", "card")
    assert (found["placed_at"], found["paid_at"], found["refunded_at"]) == (second(0), second(3), None)
    assert (found["user_id"], found["currency"], found["visitor_id"]) == ("u", "EUR", "v")


def test_messages_that_come_in_another_order_say_the_same():
    found = order(("refunded", 3, 40), ("paid", 2, 100), ("placed", 1, 90))
    assert money(found) == ("refunded", 100, 40, 60)
    assert found["total_minor"] == 100


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([("placed", 0, 100)], ("placed", 0, 0, 0)),
        ([("placed", 0, 100), ("payment_failed", 1, 100)], ("payment_failed", 0, 0, 0)),
        ([("placed", 0, 100), ("cancelled", 1, 100)], ("cancelled", 0, 0, 0)),
        ([("placed", 0, 100), ("paid", 1, None)], ("paid", 100, 0, 100)),
        ([("paid", 0, None)], ("paid", None, 0, None)),
        ([("paid", 0, 100), ("refunded", 1, 30), ("refunded", 2, 20)], ("refunded", 100, 50, 50)),
        ([("paid", 0, 100), ("refunded", 1, 30), ("refunded", 2, None)], ("refunded", 100, 100, 0)),
        ([("placed", 0, 100), ("refunded", 1, 30)], ("refunded", 100, 30, 70)),
        ([("refunded", 0, 30)], ("refunded", None, 30, None)),
        ([("paid", 0, 100), ("refunded", 1, 70), ("refunded", 2, 70)], ("refunded", 100, 140, -40)),
        ([("paid", 0, 100), ("cancelled", 1, 100)], ("cancelled", 100, 0, 0)),
        ([("paid", 0, 100), ("cancelled", 1, 100), ("refunded", 2, 100)], ("refunded", 100, 100, 0)),
        ([("placed", 0, 100), ("cancelled", 1, 100), ("paid", 2, 100)], ("paid", 100, 0, 100)),
    ],
)
def test_what_an_order_earns(messages, expected):
    assert money(order(*messages)) == expected


def test_a_copy_that_came_too_late_to_be_found_counts_once():
    refund = {"order_id": "o", "event_id": "e2", "status": "refunded", "occurred_at": second(5)}
    paid = {"order_id": "o", "event_id": "e1", "status": "paid", "occurred_at": second(1)}
    sent = [paid | {"total_minor": 100}, refund | {"total_minor": 30}, refund | {"total_minor": 30}]
    (found,) = ask("silver.orders_current", order_rows(sent), table="silver.orders")
    assert (found["refunded_minor"], found["versions"]) == (30, 2)


def test_equal_times_are_told_apart_by_the_event_id():
    sent = [
        {"order_id": "o", "event_id": "b", "status": "paid", "occurred_at": second(1)},
        {"order_id": "o", "event_id": "a", "status": "placed", "occurred_at": second(1)},
    ]
    found = ask("silver.order_versions", order_rows(sent), table="silver.orders")
    assert [(row["version"], row["status"]) for row in found] == [(1, "placed"), (2, "paid")]


def test_lines_are_those_of_the_latest_version_that_is_no_refund():
    head = {"order_id": "o", "visitor_id": "v"}
    sent = [
        head | {"event_id": "1", "occurred_at": second(1), "status": "placed", "lines": ["p", "q", "r"]},
        head | {"event_id": "3", "occurred_at": second(3), "status": "refunded", "lines": ["q"]},
        head | {"event_id": "2", "occurred_at": second(2), "status": "paid", "lines": ["q", "p"]},
        head | {"order_id": "only", "event_id": "4", "status": "refunded", "lines": ["q"]},
    ]
    rows = ask("silver.order_lines_current", order_rows(sent), table="silver.orders")
    assert [(r["order_id"], r["line_number"], r["product_id"], r["event_id"]) for r in rows] == [
        ("o", 1, "q", "2"),
        ("o", 2, "p", "2"),
    ]


@settings(max_examples=40)
@given(oracles.messages)
def test_orders_are_those_of_plain_python(sent):
    expected = oracles.versions_of(sent)
    tables = {"silver.orders": arrow_rows("silver.orders", order_rows(sent))}
    versions = by_key(in_duckdb(tables, "silver.order_versions"), "silver.order_versions")
    assert [(r["order_id"], r["version"], r["offset"]) for r in versions] == [
        (order_id, number, sent.index(one))
        for order_id in sorted(expected)
        for number, one in enumerate(expected[order_id], start=1)
    ]
    for found in by_key(in_duckdb(tables, "silver.orders_current"), "silver.orders_current"):
        history = expected.pop(found["order_id"])
        told = oracles.order_money(history)
        assert {name: found[name] for name in told} == told
        assert (found["status"], found["versions"]) == (history[-1]["status"], len(history))
        assert found["visitor_id"] == history[0]["visitor_id"]
        assert found["user_id"] == next((one["user_id"] for one in history if one["user_id"]), None)
        failed = [one["failure_reason"] for one in history if one["status"] == "payment_failed"]
        assert found["failed_attempts"] == len(failed)
        assert found["failure_reason"] == next((why for why in reversed(failed) if why), None)
    assert expected == {}


@settings(max_examples=40)
@given(oracles.messages)
def test_lines_are_those_of_plain_python(sent):
    tables = {"silver.orders": arrow_rows("silver.orders", order_rows(sent))}
    found = by_key(in_duckdb(tables, "silver.order_lines_current"), "silver.order_lines_current")
    contents = {
        order_id: [one for one in history if one["status"] != "refunded"]
        for order_id, history in oracles.versions_of(sent).items()
    }
    assert [(row["order_id"], row["product_id"], row["line_number"]) for row in found] == [
        (order_id, product, number)
        for order_id, history in sorted(contents.items())
        if history
        for number, product in enumerate(history[-1]["lines"], start=1)
    ]


def test_a_visitor_belongs_to_the_user_of_its_latest_link():
    def link(visitor, user, at, hour, known):
        times = {"occurred_at": second(at), "seen_hour": second(hour), "known_at": second(known)}
        return {"visitor_id": visitor, "user_id": user} | times

    rows = [link("v", "a", 5, 3600, 9), link("v", "b", 7, 0, 8), link("v", "a", 1, 0, 2)]
    links = ask("silver.identity_links", rows, table="silver.identities")
    assert [tuple(row.values()) for row in links] == [
        ("v", "a", second(2), second(1), second(3600)),
        ("v", "b", second(8), second(7), second(0)),
    ]
    (now,) = ask("silver.visitor_user", rows, table="silver.identities")
    assert now == {"visitor_id": "v", "user_id": "b", "linked_at": second(7), "users": 2}


@settings(max_examples=40)
@given(oracles.link_rows)
def test_links_are_those_of_plain_python(rows):
    found = ask("silver.visitor_user", rows, table="silver.identities")
    last: dict[str, dict] = {}
    for row in sorted(rows, key=lambda one: one["occurred_at"]):
        last[row["visitor_id"]] = row
    assert {row["visitor_id"]: row["user_id"] for row in found} == {v: r["user_id"] for v, r in last.items()}
    links = ask("silver.identity_links", rows, table="silver.identities")
    assert [(one["visitor_id"], one["user_id"]) for one in links] == sorted(
        {(row["visitor_id"], row["user_id"]) for row in rows}
    )
