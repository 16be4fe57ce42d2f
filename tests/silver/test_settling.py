"""Rows by verdict, written by hand: one message a line, the verdict as deduplication would give it."""

import json

import pyarrow as pa
import pytest

from pipelines.contracts.arrow import arrow_schema, arrow_type
from pipelines.contracts.fingerprint import record_key
from pipelines.contracts.lake import BRONZE, DEAD_LETTERS, DUPLICATES, IDENTITIES, all_tables
from pipelines.silver.arrow_parser import parse_batch
from pipelines.silver.deduplication import Verdict
from pipelines.silver.settling import (
    conflict_letters,
    drop_rows,
    duplicate_rows,
    identity_rows,
    positions_table,
)
from tests.records import CLICK, NOON, ORDER, bronze_row, reader_of

CLICK_OF_U1 = {**CLICK, "user_id": "u1"}
ORDER_OF_U1 = {**ORDER, "user_id": "u1"}


def both(values):
    """Messages of the shop hold a click and an order."""
    parts = [
        ("clicks", json.dumps(CLICK_OF_U1).encode(), None),
        ("orders", json.dumps(ORDER_OF_U1).encode(), None),
    ]
    return [parts for _ in values]


MESSAGES = [
    bronze_row("clicks", 1, CLICK_OF_U1),
    bronze_row("clicks", 2, CLICK_OF_U1),
    bronze_row("clicks", 3, {**CLICK_OF_U1, "brand": "b"}),
    bronze_row("clicks", 3, CLICK_OF_U1, partition=1),
    bronze_row("orders", 1, ORDER_OF_U1),
    bronze_row("orders", 2, ORDER_OF_U1),
    bronze_row("shop", 1, b"1"),
    bronze_row("shop", 2, b"2"),
    bronze_row("users", 7, None, key=b"u1"),
    bronze_row("clicks", 9, b"{"),
]
V1_U1 = record_key("", IDENTITIES.name, "v1", "u1")
VERDICT = Verdict(
    repeats={("clicks", 0, 2): 1, ("orders", 0, 2): 1, ("shop", 0, 2): 1},
    conflicts={("clicks", 0, 3): 2},
    links={(("clicks", 0, 1), V1_U1), (("orders", 0, 1), V1_U1), (("shop", 0, 1), V1_U1)},
)
NOTHING = Verdict()


@pytest.fixture(scope="module")
def parsed():
    batch = pa.RecordBatch.from_struct_array(pa.array(MESSAGES, arrow_type(BRONZE.schema())))
    return parse_batch(batch, reader_of({"shop": both}))


@pytest.fixture(scope="module")
def envelope(parsed):
    return pa.Table.from_batches([part for _, part, _ in parsed])


def rows_of(parsed, name):
    return pa.Table.from_batches([rows for table, _, rows in parsed if table == name])


def where(rows):
    return [(row["topic"], row["partition"], row["offset"]) for row in rows]


def test_a_repeat_is_one_row_for_each_id_of_the_message(parsed, envelope):
    found = duplicate_rows(envelope, VERDICT)
    assert found.schema.equals(arrow_schema(DUPLICATES))
    rows = sorted(found.to_pylist(), key=lambda row: (row["topic"], row["record_table"]))
    shop = where(rows)[-1]
    assert where(rows) == [*VERDICT.repeats, shop]
    said = {
        (row["topic"], row["offset"]): row["fingerprint"]
        for name in ("silver.events", "silver.orders")
        for row in rows_of(parsed, name).to_pylist()
    }
    by_hand = [
        ("e1", "silver.events"),
        ("m1", "silver.orders"),
        ("e1", "silver.events"),
        ("m1", "silver.orders"),
    ]
    assert [(row["event_id"], row["record_table"]) for row in rows] == by_hand
    assert [row["fingerprint"] for row in rows] == [said[row["topic"], row["offset"]] for row in rows]
    assert {row["repeats_offset"] for row in rows} == {1}
    assert {row["visitor_id"] for row in rows} == {"v1"}
    assert [row["ingested_at"] for row in rows] == [NOON.replace(second=2)] * 4
    assert {row["ingested_date"] for row in rows} == {NOON.date()}


def test_each_repeat_names_the_record_that_it_repeats(envelope):
    """The offsets go with their rows, in whatever order the verdict holds them."""
    verdict = Verdict(repeats={("orders", 0, 2): 12, ("clicks", 0, 3): 11, ("clicks", 0, 2): 10})
    rows = duplicate_rows(envelope, verdict).to_pylist()
    assert dict(zip(where(rows), (row["repeats_offset"] for row in rows), strict=True)) == verdict.repeats


def test_a_link_is_one_row_of_the_first_record_that_names_both(envelope):
    found = identity_rows(envelope, VERDICT)
    assert found.schema.equals(arrow_schema(IDENTITIES))
    rows = found.to_pylist()
    assert {(position, V1_U1) for position in where(rows)} == VERDICT.links
    assert len(rows) == 3
    assert {(row["visitor_id"], row["user_id"]) for row in rows} == {("v1", "u1")}
    assert {row["seen_hour"] for row in rows} == {NOON}
    assert {row["known_at"] for row in rows} == {NOON.replace(second=1)}
    times = {row["topic"]: row["occurred_at"].strftime("%H:%M") for row in rows}
    assert times == {"clicks": "11:59", "orders": "11:00", "shop": "11:59"}


def test_the_hour_of_a_link_is_that_of_its_arrival():
    late = bronze_row("clicks", 3_599, CLICK_OF_U1)
    batch = pa.RecordBatch.from_struct_array(pa.array([late], arrow_type(BRONZE.schema())))
    ((_, envelope, _),) = parse_batch(batch, reader_of())
    verdict = Verdict(links={(("clicks", 0, 3_599), V1_U1)})
    (row,) = identity_rows(pa.Table.from_batches([envelope]), verdict).to_pylist()
    assert (row["seen_hour"], row["ingested_at"]) == (NOON, NOON.replace(minute=59, second=59))


def test_a_contradiction_is_a_dead_letter_with_every_byte():
    (raw,) = [row for row in MESSAGES if (row["topic"], row["partition"], row["offset"]) == ("clicks", 0, 3)]
    letters = conflict_letters(pa.Table.from_pylist([raw], schema=arrow_schema(BRONZE)), VERDICT)
    assert letters.schema.equals(arrow_schema(DEAD_LETTERS))
    assert letters.to_pylist() == [
        {
            **raw,
            "stage": "deduplicate",
            "reason": "conflicting_id",
            "field": "event_id",
            "detail": "offset 2 has other content",
        }
    ]


def test_what_is_set_aside_has_no_silver_row_and_all_else_has(parsed):
    kept = {
        name: where(drop_rows(rows_of(parsed, name), VERDICT.set_aside).to_pylist())
        for name in ("silver.events", "silver.orders", "silver.users", "silver.dead_letters")
    }
    assert kept == {
        "silver.events": [("clicks", 0, 1), ("clicks", 1, 3), ("shop", 0, 1)],
        "silver.orders": [("orders", 0, 1)] * 2 + [("shop", 0, 1)] * 2,
        "silver.users": [("users", 0, 7)],
        "silver.dead_letters": [("clicks", 0, 9)],
    }


def test_kept_rows_are_unchanged_and_in_their_order(parsed):
    orders = rows_of(parsed, "silver.orders")
    assert drop_rows(orders, {("orders", 0, 1)}).equals(orders.slice(2))
    assert drop_rows(orders, {("orders", 9, 1)}).equals(orders)
    assert drop_rows(orders, set()) is orders
    assert orders.slice(0, 2)["line_number"].to_pylist() == [1, 2]


def test_an_uneventful_batch_adds_nothing(envelope):
    for rows, spec in (
        (duplicate_rows(envelope, NOTHING), DUPLICATES),
        (identity_rows(envelope, NOTHING), IDENTITIES),
    ):
        assert rows.num_rows == 0
        assert rows.schema.equals(arrow_schema(spec))


def test_positions_are_rows_of_their_types():
    rows = positions_table({("b", 0, 2): 0, ("a", 1, 5): 0})
    assert rows.to_pylist() == [
        {"topic": "a", "partition": 1, "offset": 5},
        {"topic": "b", "partition": 0, "offset": 2},
    ]
    of_bronze = arrow_schema(all_tables()["bronze.records"])
    assert rows.schema.types == [of_bronze.field(name).type for name in rows.schema.names]


def test_of_a_message_the_record_that_has_an_id_and_names_both_speaks():
    """A version of a user has no id to repeat, and the click of a visitor alone links nobody."""
    user = {"user_id": "u1", "occurred_at": CLICK["occurred_at"]}
    parts = [("users", user), ("clicks", CLICK), ("orders", ORDER_OF_U1)]
    sent = [[(topic, json.dumps(record).encode(), None) for topic, record in parts]]
    batch = pa.RecordBatch.from_struct_array(
        pa.array([bronze_row("shop", 5, b"x")], arrow_type(BRONZE.schema()))
    )
    parsed = parse_batch(batch, reader_of({"shop": lambda _: sent}))
    envelope = pa.Table.from_batches([part for _, part, _ in parsed])
    position = ("shop", 0, 5)
    repeats = duplicate_rows(envelope, Verdict(repeats={position: 4})).to_pylist()
    named = sorted((one["record_table"], one["event_id"]) for one in repeats)
    assert named == [("silver.events", "e1"), ("silver.orders", "m1")]
    (link,) = identity_rows(envelope, Verdict(links={(position, V1_U1)})).to_pylist()
    assert (link["user_id"], link["occurred_at"].strftime("%H:%M")) == ("u1", "11:00")
