"""The parser over Arrow batches, without Spark."""

import json

import pyarrow as pa

from pipelines.contracts.arrow import arrow_type
from pipelines.contracts.lake import BRONZE
from pipelines.contracts.parsing import Reject
from pipelines.silver.arrow_parser import ArrowParser, parsed_schema
from tests.records import CLICK, NOON, ORDER, bronze_row


def parse(rows, translators=None):
    schema = arrow_type(BRONZE.schema())
    batch = pa.RecordBatch.from_struct_array(pa.array(rows, schema))
    found = []
    for parsed in ArrowParser(translators or {})([batch]):
        assert parsed.schema == parsed_schema()
        found.extend(parsed.to_pylist())
    return found


def fates(parsed):
    return sorted((row["table"], row["offset"], row["reason"]) for row in parsed)


def test_each_record_goes_to_its_table():
    parsed = parse(
        [
            bronze_row("clicks", 1, CLICK),
            bronze_row("clicks", 2, b"{"),
            bronze_row("orders", 3, ORDER),
            bronze_row("users", 4, None, key=b"u1"),
        ]
    )
    assert fates(parsed) == [
        ("silver.dead_letters", 2, "invalid_json"),
        ("silver.events", 1, None),
        ("silver.orders", 3, None),
        ("silver.orders", 3, None),
        ("silver.users", 4, None),
    ]


def test_a_row_keeps_its_position_and_only_its_own_struct():
    (row,) = parse([bronze_row("clicks", 7, CLICK)])
    event = row["events"]
    assert (event["topic"], event["partition"], event["offset"]) == ("clicks", 0, 7)
    assert event["ingested_at"] == event["known_at"] == row["ingested_at"]
    assert event["occurred_at"] == NOON.replace(hour=11, minute=59)
    assert event["ingested_date"] == NOON.date()
    assert all(row[other] is None for other in ("orders", "users", "products", "offers", "dead_letters"))


def test_a_dead_letter_keeps_every_byte():
    headers = [{"key": "h", "value": b"\x00\xff"}]
    (row,) = parse([bronze_row("clicks", 1, b"\xff\xfe", headers=headers, key=b"\x01")])
    letter = row["dead_letters"]
    assert (letter["value"], letter["key"], letter["headers"]) == (b"\xff\xfe", b"\x01", headers)
    assert (letter["stage"], letter["reason"], letter["detail"]) == ("decode", "invalid_utf8", "byte 0")


def test_previews_are_few_and_are_json():
    parsed = parse([bronze_row("clicks", n, CLICK) for n in range(10)])
    previews = [json.loads(row["preview"]) for row in parsed if row["preview"]]
    assert [preview["offset"] for preview in previews] == [7, 8, 9]


def translate(values):
    outcomes = {
        b"one": [("clicks", json.dumps(CLICK).encode(), "2026-02-01T00:00:00Z")],
        b"two": [("clicks", json.dumps(CLICK).encode(), None), ("orders", json.dumps(ORDER).encode(), None)],
        b"half": [("clicks", json.dumps(CLICK).encode(), None), ("orders", b"{}", None)],
        b"none": Reject("map", "unmapped", None, ""),
    }
    return [outcomes[value] for value in values]


def test_messages_of_a_bound_topic_are_translated_first():
    rows = [bronze_row("shop", n, value) for n, value in enumerate([b"one", b"two", b"none"])]
    parsed = parse(rows, {"shop": translate})
    assert fates(parsed) == [
        ("silver.dead_letters", 2, "unmapped"),
        ("silver.events", 0, None),
        ("silver.events", 1, None),
        ("silver.orders", 1, None),
        ("silver.orders", 1, None),
    ]
    assert {row["topic"] for row in parsed} == {"shop"}
    (first,) = [row for row in parsed if row["offset"] == 0]
    assert first["events"]["known_at"] == NOON.replace(month=2, hour=0)


def test_a_bound_message_with_one_bad_record_is_rejected_whole():
    assert fates(parse([bronze_row("shop", 0, b"half")], {"shop": translate})) == [
        ("silver.dead_letters", 0, "missing")
    ]
