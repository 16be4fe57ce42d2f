"""What counts as the same record, and what as another."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.avro import encode_avro
from pipelines.contracts.fingerprint import NOT_SAID, fingerprint_of, record_key
from pipelines.contracts.parsing import KNOWN_AT_HEADER, RawRecord, Reject, parse_record
from pipelines.contracts.topics import all_topics

NOON_MICROS = 1_772_366_400_000_000
CLICK = {
    "event_id": "e1",
    "event_type": "page_view",
    "occurred_at": "2026-03-01T11:59:00Z",
    "visitor_id": "v1",
    "source": "a",
    "properties": {"x": 1, "y": [2]},
}
ORDER = {
    "event_id": "m1",
    "order_id": "o1",
    "occurred_at": "2026-03-01T11:59:00Z",
    "visitor_id": "v1",
    "status": "paid",
    "lines": [{"product_id": "p1", "quantity": 2}, {"product_id": "p2", "quantity": 1}],
}


def rows_of(value, *, topic="clicks", headers=()):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    outcome = parse_record(RawRecord(b"k", text, headers, NOON_MICROS), all_topics()[topic])
    assert not isinstance(outcome, Reject), outcome
    return [(all_topics()[topic].table, row) for row in outcome]


def said(value, **how):
    return fingerprint_of(rows_of(value, **how))


def with_line(**changes):
    return {**ORDER, "lines": [{**ORDER["lines"][0], **changes}, *ORDER["lines"][1:]]}


def test_the_same_said_otherwise_is_the_same():
    assert said(dict(reversed(CLICK.items()))) == said(CLICK)
    assert said({**CLICK, "occurred_at": "2026-03-01T12:59:00.000+01:00"}) == said(CLICK)
    assert said({**CLICK, "user_id": "", "brand": None}) == said(CLICK)
    assert said({**CLICK, "user_id": 17}) == said({**CLICK, "user_id": "17"})
    assert said({**CLICK, "properties": {"y": [2], "x": 1}}) == said(CLICK)
    assert said({**CLICK, "properties": {"x": 1}, "y": [2]}) == said(CLICK)


def test_how_it_was_carried_does_not_count():
    later = [(KNOWN_AT_HEADER, b"2026-02-01T00:00:00Z")]
    assert said(CLICK, headers=later) == said(CLICK)
    assert said({**CLICK, "ip_address": "203.0.113.1", "user_agent": "curl"}) == said(CLICK)
    placed = [
        (table, {**row, "offset": 7, "fingerprint": 1, "is_bot": True}) for table, row in rows_of(CLICK)
    ]
    assert fingerprint_of(placed) == said(CLICK)


@pytest.mark.parametrize("field", all_topics()["clicks"].fields, ids=lambda field: field.name)
def test_every_other_wire_field_counts(field):
    ((table, row),) = rows_of(CLICK)
    changed = fingerprint_of([(table, {**row, field.name: "another"})])
    assert (changed == said(CLICK)) == (field.name in NOT_SAID)


def test_properties_lines_and_their_order_count():
    assert said({**CLICK, "properties": {"x": 1}}) != said(CLICK)
    assert said({**ORDER, "lines": ORDER["lines"][::-1]}, topic="orders") != said(ORDER, topic="orders")
    assert said({**ORDER, "lines": ORDER["lines"][:1]}, topic="orders") != said(ORDER, topic="orders")
    twice = {**ORDER, "lines": [ORDER["lines"][0], *ORDER["lines"]]}
    assert said(twice, topic="orders") != said(ORDER, topic="orders")


@pytest.mark.parametrize("field", all_topics()["orders"].lines, ids=lambda field: field.name)
def test_every_field_of_a_line_counts(field):
    another = 3 if field.kind in ("integer", "money") else "another"
    assert said(with_line(**{field.name: another}), topic="orders") != said(ORDER, topic="orders")


def test_a_versioned_record_counts_from_when_it_holds():
    user = {"user_id": "u1", "occurred_at": "2026-03-01T11:59:00Z"}
    later = {**user, "occurred_at": "2026-03-01T11:59:01Z"}
    assert said(user, topic="users") != said(later, topic="users")


def test_what_stands_in_one_field_does_not_count_as_standing_in_the_next():
    ((table, row),) = rows_of(CLICK)
    names = [field.name for field in all_topics()["clicks"].fields if field.name not in NOT_SAID]
    blank = {**row, **dict.fromkeys(names)}
    variants = [
        {**blank, first: left, second: right}
        for first, second in pairwise(names)
        for left, right in [
            ("ab", "c"),
            ("a", "bc"),
            ("abc", None),
            ("abc", ""),
            ('a","b', "c"),
            ("a\x1f", "b"),
        ]
    ]
    assert len({fingerprint_of([(table, variant)]) for variant in variants}) == len(variants)
    assert fingerprint_of([(table, row)] * 2) != fingerprint_of([(table, row)])


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "brand": st.text(
                min_size=1, max_size=9, alphabet=st.characters(codec="utf-8", exclude_characters="\0")
            ),
            "price_minor": st.integers(0, 10**15),
            "sequence": st.integers(0, 2**63 - 1),
            "properties": st.dictionaries(st.sampled_from("abc"), st.integers() | st.text("ä\n", max_size=3)),
        },
    )
)
def test_json_and_avro_of_one_record_say_the_same(changes):
    least = {name: CLICK[name] for name in ("event_id", "event_type", "occurred_at", "visitor_id")}
    moment = NOON_MICROS - 60_000_000
    avro = {**least, **changes, "occurred_at": moment}
    if "properties" in changes:
        avro["properties"] = json.dumps(changes["properties"])
    assert said(encode_avro(avro, all_topics()["clicks"])) == said({**least, **changes})


def test_orders_say_the_same_as_avro():
    moment = NOON_MICROS - 60_000_000
    avro = encode_avro({**ORDER, "occurred_at": moment}, all_topics()["orders"])
    assert said(avro, topic="orders") == said(ORDER, topic="orders")


def test_a_fingerprint_is_a_signed_64_bit_number_that_never_changes():
    found = {said({**CLICK, "event_id": f"e{number}"}) for number in range(200)}
    assert len(found) == 200
    assert all(-(2**63) <= one < 2**63 for one in found)
    assert min(found) < 0 < max(found)
    assert said(CLICK) == 3119114314632588988
    assert record_key("clicks/3", "silver.events", "v1", "e1").hex() == "1bf74349c9f696b369c400f3bc03acdc"


PARTS = st.tuples(*[st.text('a/",[]\\\0é', max_size=4)] * 4)


@given(PARTS, PARTS)
def test_keys_are_equal_only_for_equal_parts(one, other):
    assert len(record_key(*one)) == 16
    assert (record_key(*one) == record_key(*other)) == (one == other)


@pytest.mark.parametrize("separator", ["", "/", "\0", "\x1f", '","', '"', "\\", "|", ":"])
def test_parts_shifted_over_a_separator_give_another_key(separator):
    assert record_key("p", f"a{separator}b", "c", "d") != record_key("p", "a", f"b{separator}c", "d")
    assert record_key("p", "t", f"v{separator}e", "") != record_key("p", "t", "v", f"e{separator}")
