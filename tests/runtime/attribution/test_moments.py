"""Raw records → moments: what attribution takes of each, and nothing of what cannot be read."""

import json

import pyarrow as pa
import pytest

from pipelines.connectors.mapping import LiveTranslator, load_mapping
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.lake import BRONZE
from pipelines.gold.attribution.joining import MOMENT
from pipelines.runtime.attribution.moments import Moments
from pipelines.settings import conf_dir
from tests.records import CLICK, NOON, ORDER, bronze_row, reader_of

SHOP = "shop_records"
FROM_SEARCH = {**CLICK, "source": "google", "medium": "cpc", "campaign": "spring"}


@pytest.fixture(scope="module")
def moments():
    mapping = load_mapping("attribution", folder=conf_dir() / "mappings")
    return Moments(reader_of({SHOP: LiveTranslator(mapping)}))


@pytest.fixture
def taken(moments):
    """Moments of records, given as topic and value."""

    def take(*records, size=None):
        rows = [bronze_row(topic, offset, value) for offset, (topic, value) in enumerate(records)]
        table = pa.Table.from_pylist(rows, schema=arrow_schema(BRONZE))
        found = list(moments(table.to_batches(max_chunksize=size)))
        assert all(one.schema == MOMENT for one in found)
        rows = [row for one in found for row in one.to_pylist()]
        return [{**row, "content": json.loads(row["content"])} for row in rows]

    return take


def test_a_click_that_says_where_it_came_from_is_a_touch(taken):
    (touch,) = taken(("clicks", CLICK), ("clicks", FROM_SEARCH))
    assert touch["content"] == {"source": "google", "medium": "cpc", "campaign": "spring"}
    assert (touch["kind"], touch["visitor_id"], touch["event_id"]) == ("touch", "v1", "e1")
    assert touch["happened_at"].isoformat() == "2026-03-01T11:59:00+00:00"
    assert (touch["topic"], touch["partition"], touch["offset"]) == ("clicks", 0, 1)
    assert (touch["ingested_at"] - NOON).total_seconds() == 1


def test_the_source_of_a_touch_may_be_read_from_its_addresses(taken):
    page = "https://shop.example/?utm_source=letter&utm_medium=email&utm_campaign=may"
    (touch,) = taken(("clicks", {**CLICK, "page_url": page}))
    assert touch["content"] == {"source": "letter", "medium": "email", "campaign": "may"}


def test_a_source_of_any_length_can_be_a_key(taken):
    """Of a visitor's address anything may come, and an index cannot hold 3,000 characters."""
    page = f"https://shop.example/?utm_source={'x' * 3000}"
    (touch,) = taken(("clicks", {**CLICK, "page_url": page}))
    assert touch["content"] == {"source": "x" * 200, "medium": None, "campaign": None}


def test_an_order_is_one_moment_with_its_lines(taken):
    (order,) = taken(("orders", {**ORDER, "currency": "EUR", "total_minor": 5, "discount_bp": 100}))
    assert (order["kind"], order["order_id"], order["event_id"]) == ("order", "o1", "m1")
    said = {"currency": "EUR", "total_minor": 5, "discount_bp": 100, "status": "paid", "user_id": None}
    assert said.items() <= order["content"].items()
    lines = [
        (line["line_number"], line["product_id"], line["quantity"]) for line in order["content"]["lines"]
    ]
    assert lines == [(1, "p1", 2), (2, "p2", 1)]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("placed", "order"),
        ("paid", "order"),
        ("payment_failed", "order"),
        ("refunded", "change"),
        ("cancelled", "change"),
    ],
)
def test_what_gives_back_or_calls_off_waits_for_no_clicks(taken, status, kind):
    (order,) = taken(("orders", {**ORDER, "status": status}))
    assert order["kind"] == kind


def test_versions_of_users_and_products_are_moments(taken):
    since = {"occurred_at": "2026-03-01T10:00:00Z"}
    user, product = taken(
        ("users", {"user_id": "u1", "level": "GOLD", **since}),
        ("products", {"product_id": "p1", "price_minor": 5, **since}),
    )
    assert (user["kind"], user["content"]["level"], user["content"]["is_deleted"]) == ("user", "GOLD", False)
    assert (product["kind"], product["content"]["price_minor"]) == ("product", 5)


def test_a_tombstone_is_a_version_that_is_deleted(taken):
    (user,) = taken(("users", None))
    assert (user["kind"], user["content"]["user_id"], user["content"]["is_deleted"]) == ("user", "v1", True)


def test_a_record_of_a_bound_topic_may_be_a_click_and_an_order(taken):
    at = "2026-03-01T11:59:00Z"
    both = {
        "User_ID": "v7",
        "Click_ID": 1,
        "Click_time": at,
        "Source": "Tiktok",
        "Purchase_ID": 9,
        "Product_ID": 205,
        "Quantity": 3,
        "Purchase_time": at,
        "Payment_status": "success",
    }
    click, order = sorted(taken((SHOP, both)), key=lambda one: one["kind"], reverse=True)
    assert (click["kind"], click["content"]["source"]) == ("touch", "Tiktok")
    assert (order["kind"], order["order_id"], order["content"]["lines"][0]["quantity"]) == ("order", "9", 3)
    assert {one["visitor_id"] for one in (click, order)} == {"v7"}
    assert {one["offset"] for one in (click, order)} == {0}


def test_what_cannot_be_read_gives_nothing_and_stops_nothing(taken):
    broken = [b"{", b"\xff", b"", b"[1]", {**ORDER, "status": "lost"}, {**ORDER, "lines": []}]
    assert taken(*(("orders", value) for value in broken), (SHOP, b"{"), (SHOP, {})) == []
    assert [one["kind"] for one in taken(("orders", b"{"), ("orders", ORDER), ("clicks", b"{"))] == ["order"]


def test_batches_of_any_size_give_the_same(taken):
    records = [("clicks", {**FROM_SEARCH, "event_id": f"e{n}"}) for n in range(7)] + [("orders", ORDER)]
    assert taken(*records, size=1) == taken(*records)


def test_offers_are_passed_over(taken):
    assert taken(("offers", {"offer_id": "x", "occurred_at": "2026-03-01T10:00:00Z"})) == []
