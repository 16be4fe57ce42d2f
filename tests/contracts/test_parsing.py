"""The fate of every kind of record, written by hand."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.avro import encode_avro
from pipelines.contracts.fields import REASONS
from pipelines.contracts.parsing import KNOWN_AT_HEADER, RawRecord, Reject, parse_record
from pipelines.contracts.topics import all_topics

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON_MICROS = 1_772_366_400_000_000
CLICK = {
    "event_id": "e1",
    "event_type": "page_view",
    "occurred_at": "2026-03-01T11:59:59.250Z",
    "visitor_id": "v1",
}
ORDER = {
    "event_id": "m1",
    "order_id": "o1",
    "occurred_at": "2026-03-01T11:00:00Z",
    "visitor_id": "v1",
    "status": "paid",
    "currency": "EUR",
    "lines": [
        {"product_id": "p1", "quantity": 2, "unit_price_minor": 1250},
        {"product_id": "p2", "quantity": 1},
    ],
}


def parse(value, *, topic="clicks", headers=(), key=b"v1"):
    raw = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    return parse_record(RawRecord(key, raw, headers, NOON_MICROS), all_topics()[topic])


def click(**changes):
    return {**CLICK, **changes}


def test_a_click_becomes_one_row_with_every_column():
    (row,) = parse(click(user_id=17, price_minor=1299, currency="EUR", colour="red", properties={"a": [1]}))
    given_values = {name: value for name, value in row.items() if value is not None}
    assert given_values == {
        "event_id": "e1",
        "event_type": "page_view",
        "occurred_at": NOON_MICROS - 750_000,
        "visitor_id": "v1",
        "user_id": "17",
        "price_minor": 1299,
        "currency": "EUR",
        "properties": '{"a":[1],"colour":"red"}',
        "known_at": NOON_MICROS,
    }
    assert {field.name for field in all_topics()["clicks"].fields} <= row.keys()


def test_an_order_becomes_a_row_a_line():
    rows = parse(ORDER, topic="orders")
    assert [(r["line_number"], r["line_count"], r["product_id"], r["unit_price_minor"]) for r in rows] == [
        (1, 2, "p1", 1250),
        (2, 2, "p2", None),
    ]
    assert {r["order_id"] for r in rows} == {"o1"}
    assert {r["properties"] for r in rows} == {None}


def broken(value, reason, field=None, topic="clicks"):
    return pytest.param(value, topic, reason, field, id=f"{reason}-{field}")


@pytest.mark.parametrize(
    ("value", "topic", "reason", "field"),
    [
        broken(None, "empty_value"),
        broken(b"", "empty_value"),
        broken(b'{"a":"' + b"x" * 1_048_576 + b'"}', "too_large"),
        broken(b'{"a":' * 65 + b"1" + b"}" * 65, "too_deep"),
        broken(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
        broken(b'{"event_id":"\xff"}', "invalid_utf8"),
        broken(b"{", "invalid_json"),
        broken(b'{"price_minor":NaN}', "invalid_json"),
        broken(b'{"price_minor":1e400}', "number_out_of_range"),
        broken(b"[1]", "not_an_object"),
        broken(b"\xc3\x0112345678", "unknown_avro_schema"),
        broken({"event_type": "page_view"}, "missing", "event_id"),
        broken(click(event_id=""), "missing", "event_id"),
        broken(click(event_id=None), "missing", "event_id"),
        broken(click(visitor_id=True), "wrong_type", "visitor_id"),
        broken(click(visitor_id=1.5), "wrong_type", "visitor_id"),
        broken(click(price_minor="1299"), "wrong_type", "price_minor"),
        broken(click(price_minor=12.99), "wrong_type", "price_minor"),
        broken(click(price_minor=-1), "out_of_range", "price_minor"),
        broken(click(properties=[]), "wrong_type", "properties"),
        broken(click(occurred_at="yesterday"), "bad_time", "occurred_at"),
        broken(click(occurred_at=1.5), "wrong_type", "occurred_at"),
        broken(click(occurred_at="2026-03-01T12:05:00.000001Z"), "in_future", "occurred_at"),
        broken(click(occurred_at=1_772_366_400), "before_2000", "occurred_at"),
        broken(click(occurred_at=1_772_366_400_000_000), "in_future", "occurred_at"),
        broken(click(event_type="purchase"), "unknown_choice", "event_type"),
        broken(click(currency="eur"), "unknown_choice", "currency"),
        broken(click(event_id="x" * 257), "too_long", "event_id"),
        broken(click(brand="a\0b"), "bad_character", "brand"),
        broken({**ORDER, "lines": []}, "no_lines", "lines", "orders"),
        broken({**ORDER, "lines": {}}, "wrong_type", "lines", "orders"),
        broken({**ORDER, "lines": [{"product_id": "p"}]}, "missing", "lines[1].quantity", "orders"),
        broken({**ORDER, "lines": [*ORDER["lines"], 3]}, "wrong_type", "lines[3]", "orders"),
        broken({**ORDER, "discount_bp": 10_001}, "out_of_range", "discount_bp", "orders"),
    ],
)
def test_broken_records_are_rejected_with_their_reason(value, topic, reason, field):
    outcome = parse(value, topic=topic)
    assert isinstance(outcome, Reject)
    assert (outcome.reason, outcome.field) == (reason, field)
    assert outcome.reason in REASONS


@pytest.mark.parametrize(
    ("sent", "micros"),
    [
        ("2026-03-01T12:05:00Z", NOON_MICROS + 300_000_000),
        ("2026-03-01T13:00:00+02:00", NOON_MICROS - 3_600_000_000),
        ("2026-03-01T11:00:00", NOON_MICROS - 3_600_000_000),
        (1_772_366_400_000, NOON_MICROS),
        ("2000-01-01T00:00:00Z", 946_684_800_000_000),
    ],
)
def test_times_are_read_as_documented(sent, micros):
    (row,) = parse(click(occurred_at=sent))
    assert row["occurred_at"] == micros


def test_the_deepest_allowed_nesting_passes():
    nested = b'{"a":' * 62 + b"1" + b"}" * 62
    value = json.dumps(CLICK).encode()[:-1] + b',"properties":' + nested + b"}"
    (row,) = parse(value)
    assert row["properties"] == nested.decode()


def nested_avro(levels):
    nested = '{"a":' * levels + "1" + "}" * levels
    record = {**CLICK, "occurred_at": NOON, "properties": nested}
    return nested, encode_avro(record, all_topics()["clicks"])


def test_the_deepest_allowed_nesting_of_avro_passes():
    nested, value = nested_avro(63)
    (row,) = parse(value)
    assert row["properties"] == nested


@pytest.mark.parametrize("levels", [64, 80, 5_000, 100_000])
def test_avro_nested_deeper_is_rejected_as_json_is(levels):
    _, value = nested_avro(levels)
    outcome = parse(value)
    assert isinstance(outcome, Reject)
    assert outcome[:2] == ("decode", "too_deep")


def test_known_at_comes_from_the_header_and_is_checked():
    (row,) = parse(CLICK, headers=[(KNOWN_AT_HEADER, b"2026-02-01T00:00:00Z")])
    assert row["known_at"] == NOON_MICROS - (28 * 24 + 12) * 3_600_000_000
    for wrong in (b"soon", b"2026-03-02T00:00:00Z", b"1999-01-01T00:00:00Z", b"\xff", None):
        outcome = parse(CLICK, headers=[(KNOWN_AT_HEADER, wrong)])
        assert isinstance(outcome, Reject)
        assert outcome.reason == "bad_header"


def test_a_null_value_is_a_tombstone_on_a_compacted_topic_only():
    (row,) = parse(None, topic="users", key=b"u1")
    assert (row["user_id"], row["is_deleted"], row["valid_from"]) == ("u1", True, NOON_MICROS)
    assert parse(None, topic="clicks", key=b"v1").reason == "empty_value"
    assert parse(None, topic="users", key=None).reason == "empty_value"


NAIVE_2000, NAIVE_2026 = (datetime(year, 1, 1) for year in (2000, 2026))  # noqa: DTZ001 - hypothesis wants them
AVRO_VALUES = st.fixed_dictionaries(
    {
        "event_id": st.text(
            min_size=1, max_size=20, alphabet=st.characters(codec="utf-8", exclude_characters="\0")
        ),
        "event_type": st.sampled_from(["page_view", "search"]),
        "occurred_at": st.datetimes(NAIVE_2000, NAIVE_2026, timezones=st.just(UTC)),
        "visitor_id": st.just("v"),
    },
    optional={
        "price_minor": st.integers(0, 10**15),
        "properties": st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)).map(json.dumps),
    },
)


@given(AVRO_VALUES)
def test_avro_and_json_give_the_same_row(record):
    as_json = {**record, "occurred_at": record["occurred_at"].isoformat()}
    if "properties" in record:
        as_json["properties"] = json.loads(record["properties"])
    assert parse(encode_avro(record, all_topics()["clicks"])) == parse(as_json)


@given(st.binary(max_size=60), st.sampled_from(sorted(all_topics())))
def test_no_bytes_raise(value, topic):
    outcome = parse(value, topic=topic)
    assert isinstance(outcome, Reject)
    assert outcome.reason in REASONS


@given(st.binary(max_size=40))
def test_no_avro_body_raises(body):
    good = encode_avro({**CLICK, "occurred_at": NOON}, all_topics()["clicks"])
    outcome = parse(good[:10] + body)
    assert isinstance(outcome, Reject | list)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from([*(f.name for f in all_topics()["orders"].fields), "lines", "properties"]), JSON_VALUES
)
def test_any_json_in_any_field_is_a_row_or_a_reason(field, value):
    outcome = parse({**ORDER, field: value}, topic="orders")
    if isinstance(outcome, Reject):
        assert outcome.reason in REASONS
    else:
        assert len(outcome) >= 1
