"""The oracle by hand: one shop whose book can be worked out on paper."""

import pytest

from pipelines.gold.attribution.oracle import AttributionOracle
from pipelines.gold.attribution.touches import MICROS

NOON = 1_772_366_400 * MICROS
LOOK_BACK = 60


def shop(*rows, watermark=None):
    """The tables of rows given as (batch, table, row); each arrives after the one before."""
    oracle = AttributionOracle(look_back_seconds=LOOK_BACK)
    for number, (batch, table, row) in enumerate(rows):
        where = {"topic": table, "partition": 0, "offset": number, "ingested_at": NOON + number}
        oracle.take(f"silver.{table}", {**where, **row}, batch=batch)
    return oracle.tables(watermark=watermark)


def touch(event_id, source, at):
    said = {"traffic_source": source, "traffic_medium": None, "traffic_campaign": None}
    return "events", {"visitor_id": "v", "event_id": event_id, "occurred_at": NOON + at * MICROS, **said}


def order(event_id, status, at, **changes):
    said = dict.fromkeys(("failure_reason", "payment_method", "shipping_minor", "discount_bp", "total_minor"))
    line = {"line_number": 1, "product_id": "p", "quantity": 2, "unit_price_minor": None, "category": None}
    who = {"order_id": "o", "visitor_id": "v", "user_id": "u", "currency": "EUR"}
    when = {"event_id": event_id, "status": status, "occurred_at": NOON + at * MICROS}
    return "orders", {**said, **line, **who, **when, **changes}


def product(since, price, *, deleted=False):
    said = {"category": "shoes", "currency": "EUR", "commission_bp": 1000, "is_deleted": deleted}
    return "products", {"product_id": "p", "valid_from": NOON + since * MICROS, "price_minor": price, **said}


def user(since, gender):
    said = {"level": "GOLD", "gender": gender, "country": "DE", "is_deleted": False}
    return "users", {"user_id": "u", "valid_from": NOON + since * MICROS, **said}


SHOP = (
    *((0, *one) for one in (product(-90, 1000), product(50, 9999), user(-90, "f"))),
    *(
        (0, *one)
        for one in (touch("e1", "google", -20), touch("e2", "letter", 40), touch("e0", "old", -20.000001))
    ),
    (0, *order("m1", "placed", 40)),
    (1, *order("m2", "payment_failed", 45, failure_reason="no_money")),
    (1, *order("m3", "paid", 49, total_minor=1999)),
    (2, *order("m4", "refunded", 70, total_minor=500)),
)


def credited(tables, model):
    return {
        row["source"]: (row["share_micros"], row["revenue_minor"], row["profit_minor"])
        for row in tables["attributed_orders"]
        if row["model"] == model
    }


def test_an_order_that_was_paid_and_refunded_in_part():
    tables = shop(*SHOP)
    (row,) = tables["orders"]
    assert (row["paid_minor"], row["refunded_minor"], row["net_minor"], row["profit_minor"]) == (
        2000,
        500,
        1500,
        150,
    )
    assert (row["status"], row["is_paid"], row["versions"], row["touches"]) == ("refunded", True, 4, 2)
    assert (row["total_agrees"], row["gender"], row["ordered_minute"]) == (False, "f", NOON)
    assert credited(tables, "first") == {"google": (1_000_000, 1500, 150)}
    assert credited(tables, "last") == {"letter": (1_000_000, 1500, 150)}
    assert credited(tables, "linear") == {"google": (500_000, 750, 75), "letter": (500_000, 750, 75)}
    assert len(tables["touchpoints"]) == 2
    assert len(tables["checkouts"]) == 4


def test_its_minutes():
    tables = shop(*SHOP)
    assert tables["fail_count"] == [{"minute": NOON, "reason": "no_money", "failures": 1}]
    assert tables["gender_count"] == [{"minute": NOON, "gender": "f", "orders": 1}]
    assert tables["category_count"] == [{"minute": NOON, "category": "shoes", "orders": 1, "pieces": 2}]
    (revenue,) = tables["revenue"]
    assert (revenue["orders"], revenue["revenue_minor"], revenue["refunded_minor"]) == (1, 1500, 500)
    assert revenue["totals_sent_wrong"] == 1


def test_an_order_is_final_once_the_watermark_has_passed_it():
    for watermark, final in ((NOON + 40 * MICROS, False), (NOON + 40 * MICROS + 1, True)):
        tables = shop(*SHOP, watermark=watermark)
        assert {row["is_final"] for row in tables["attributed_orders"]} == {final}
        (row, *_) = tables["source_count"]
        assert row["final_micros"] == (row["order_micros"] if final else 0)


@pytest.mark.parametrize(
    ("later", "status", "paid"),
    [(("cancelled",), "cancelled", False), (("cancelled", "paid"), "paid", True), ((), "refunded", True)],
)
def test_nobody_is_credited_with_what_was_called_off(later, status, paid):
    rows = [(3, *order(f"m9{n}", name, 80 + n)) for n, name in enumerate(later)]
    tables = shop(*SHOP, *rows)
    assert (tables["orders"][0]["status"], bool(tables["attributed_orders"])) == (status, paid)


def test_an_order_without_touches_is_direct_and_one_without_payment_nobodys():
    assert credited(shop((0, *order("m1", "paid", 0))), "first") == {"direct": (1_000_000, None, None)}
    assert shop((0, *order("m1", "placed", 0)))["attributed_orders"] == []


def test_a_version_counts_from_the_batch_in_which_it_came():
    late = [(0, *order("m1", "paid", 0)), (1, *product(-90, 700)), (1, *user(-90, "m"))]
    assert [row["total_minor"] for row in shop(*late)["checkouts"]] == [None]
    known = [(batch, *rest) for batch, *rest in [(1, *late[0][1:]), *late[1:]]]
    (row,) = shop(*known)["checkouts"]
    assert (row["total_minor"], row["gender"]) == (1400, "m")


def test_a_product_that_was_deleted_has_no_price():
    rows = [(0, *product(-90, 700)), (0, *product(-50, 600, deleted=True)), (0, *order("m1", "paid", 0))]
    assert [row["total_minor"] for row in shop(*rows)["checkouts"]] == [None]


def test_of_a_click_or_message_that_came_twice_the_first_counts():
    rows = [
        *((0, *one) for one in (touch("e1", "google", -20), touch("e1", "letter", -20))),
        *((0, *one) for one in (order("m1", "paid", 0), order("m1", "cancelled", 1))),
    ]
    assert credited(shop(*rows), "first").keys() == {"google"}
