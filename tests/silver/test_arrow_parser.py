"""The parser over Arrow batches, without Spark."""

import json

import pyarrow as pa

from pipelines.contracts.arrow import arrow_schema, arrow_type
from pipelines.contracts.fingerprint import record_key
from pipelines.contracts.lake import BRONZE, IDENTITIES
from pipelines.contracts.parsing import Reject
from pipelines.silver.arrow_parser import ENVELOPE, ArrowParser, parse_batch, parsed_schema, parsed_tables
from tests.decided import a_decision
from tests.records import CLICK, NOON, ORDER, bronze_row, reader_of

READER = reader_of()


def batch_of(rows):
    return pa.RecordBatch.from_struct_array(pa.array(rows, arrow_type(BRONZE.schema())))


def parse(rows, translators=None):
    found = []
    for parsed in ArrowParser(reader_of(translators))([batch_of(rows)]):
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


MIXED = [
    bronze_row("clicks", 1, {**CLICK, "user_id": "u1"}),
    bronze_row("clicks", 2, b"{"),
    bronze_row("orders", 3, ORDER),
    bronze_row("users", 4, None, key=b"u1"),
]


def test_rows_and_envelopes_go_side_by_side_in_the_columns_of_their_table():
    found = {table: (envelope, rows) for table, envelope, rows in parse_batch(batch_of(MIXED), READER)}
    assert set(found) == {"silver.events", "silver.dead_letters", "silver.orders", "silver.users"}
    for table, (envelope, rows) in found.items():
        assert rows.schema.equals(arrow_schema(parsed_tables()[table.partition(".")[2]]))
        assert tuple(envelope.schema.names) == ENVELOPE
        assert set(envelope["table"].to_pylist()) == {table}
        assert envelope["offset"].to_pylist() == rows["offset"].to_pylist()
        if "fingerprint" in rows.schema.names:
            assert envelope["fingerprint"].to_pylist() == rows["fingerprint"].to_pylist()


def test_both_ways_out_hold_the_same_rows():
    wide = {(row["table"], row["offset"]): row[row["table"].partition(".")[2]] for row in parse(MIXED)}
    apart = {
        (table, row["offset"]): row
        for table, _, rows in parse_batch(batch_of(MIXED), READER)
        for row in rows.to_pylist()
    }
    assert wide == apart


def test_an_envelope_says_which_record_it_is_and_whom_it_names():
    click, lines, user = (
        [row for row in parse(MIXED) if row["table"] == f"silver.{name}"]
        for name in ("events", "orders", "users")
    )
    assert click[0]["record_key"] == record_key("clicks/0", "silver.events", "v1", "e1")
    assert click[0]["link_key"] == record_key("", IDENTITIES.name, "v1", "u1")
    # Of an order's lines the first speaks for all.
    assert [line["record_key"] for line in lines] == [
        record_key("orders/0", "silver.orders", "v1", "m1"),
        None,
    ]
    assert [line["link_key"] for line in lines] == [None, None]
    assert user[0]["record_key"] is None


def test_an_order_names_its_user_once():
    lines = parse([bronze_row("orders", 3, {**ORDER, "user_id": "u1"})])
    assert [line["link_key"] for line in lines] == [record_key("", IDENTITIES.name, "v1", "u1"), None]


def test_a_decision_has_an_id_of_its_own_and_links_nobody():
    (row,) = parse([bronze_row("decisions", 3, a_decision())])
    assert row["record_key"] == record_key("decisions/0", "silver.decisions", "v1", a_decision()["event_id"])
    assert row["link_key"] is None


def test_the_rows_of_one_message_say_together_what_it_says():
    rows = parse(
        [bronze_row("shop", n, value) for n, value in enumerate([b"one", b"two"])], {"shop": translate}
    )
    said = {offset: {row["fingerprint"] for row in rows if row["offset"] == offset} for offset in (0, 1)}
    assert [len(some) for some in said.values()] == [1, 1]
    assert said[0] != said[1]
