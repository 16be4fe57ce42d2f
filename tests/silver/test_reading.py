"""Faults of the parser and of translators are the record's own, never its neighbours'."""

import json
import pickle

import pytest

from pipelines.contracts.fingerprint import fingerprint_of
from pipelines.contracts.parsing import RawRecord, Reject
from pipelines.silver.reading import RecordReader
from tests.records import CLICK, ORDER, reader_of

NOON_MICROS = 1_772_366_400_000_000


def raw(value):
    encoded = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    return RawRecord(b"v1", encoded, (), NOON_MICROS)


def click(number):
    return {**CLICK, "event_id": f"e{number}"}


def fails_on_e2(_table, row):
    if row["event_id"] == "e2":
        raise ZeroDivisionError("x" * 1_000)


def ids(outcome):
    return outcome if isinstance(outcome, Reject) else [row["event_id"] for _, row in outcome]


def test_a_parser_that_fails_on_one_record_rejects_that_record_alone():
    first, second, third = RecordReader({}, fails_on_e2).outcomes(
        "clicks", [raw(click(n)) for n in (1, 2, 3)]
    )
    assert (ids(first), ids(third)) == (["e1"], ["e3"])
    assert second[:3] == ("validate", "parser_failed", None)
    assert second.detail.startswith("ZeroDivisionError: xxx")
    assert len(second.detail) == 300


def test_a_message_of_which_one_row_fails_has_no_rows_at_all():
    def pair(values):
        return [[("clicks", json.dumps(click(n)).encode(), None) for n in (1, 2)] for _ in values]

    (outcome,) = RecordReader({"shop": pair}, fails_on_e2).outcomes("shop", [raw(b"any")])
    assert outcome[:2] == ("validate", "parser_failed")


def test_a_translator_that_names_no_topic_of_ours_fails_that_message_alone():
    def stray(values):
        return [
            [("stray" if value == b"bad" else "clicks", json.dumps(CLICK).encode(), None)] for value in values
        ]

    good, bad = reader_of({"shop": stray}).outcomes("shop", [raw(b"good"), raw(b"bad")])
    assert ids(good) == ["e1"]
    assert bad[:2] == ("validate", "parser_failed")


def raises_on_bad(values):
    if b"bad" in values:
        raise RuntimeError("no such cell")
    return [[("clicks", json.dumps(CLICK).encode(), None)] for _ in values]


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_translator_that_raises_is_asked_again_message_by_message(place):
    values = [b"good"] * 3
    values.insert(place, b"bad")
    outcomes = reader_of({"shop": raises_on_bad}).outcomes("shop", [raw(value) for value in values])
    failed = outcomes.pop(place)
    assert failed == Reject("map", "parser_failed", None, "RuntimeError: no such cell")
    assert [ids(outcome) for outcome in outcomes] == [["e1"]] * 3


def test_a_translator_that_loses_a_message_is_not_believed():
    reader = reader_of({"shop": lambda values: [[] for _ in values[1:]]})
    with pytest.raises(ValueError, match="shorter"):
        reader.outcomes("shop", [raw(b"1"), raw(b"2")])


def test_the_translators_own_reject_is_the_outcome():
    reject = Reject("map", "unmapped", None, "shop")
    assert reader_of({"shop": lambda _: [reject]}).outcomes("shop", [raw(b"1")]) == [reject]


def both(values):
    return [
        [("clicks", json.dumps(CLICK).encode(), None), ("orders", json.dumps(ORDER).encode(), None)]
        for _ in values
    ]


def test_all_rows_of_a_message_share_the_fingerprint_of_the_whole():
    (rows,) = reader_of({"shop": both}).outcomes("shop", [raw(b"1")])
    assert [table for table, _ in rows] == ["silver.events", "silver.orders", "silver.orders"]
    assert {row["fingerprint"] for _, row in rows} == {fingerprint_of(rows)}
    (alone,) = reader_of().outcomes("clicks", [raw(CLICK)])
    assert alone[0][1]["fingerprint"] != rows[0][1]["fingerprint"]


def test_a_version_of_a_thing_has_no_fingerprint():
    tombstone = RawRecord(b"u1", None, (), NOON_MICROS)
    ((_, row),) = reader_of().outcomes("users", [tombstone])[0]
    assert "fingerprint" not in row


def test_events_are_enriched_and_the_fingerprint_is_of_what_was_sent():
    sent = {**CLICK, "page_url": "https://shop.example/a%20b"}
    (rows,) = reader_of().outcomes("clicks", [raw(sent)])
    assert rows[0][1]["page_path"] == "/a b"
    plain = RecordReader({}, lambda _table, _row: None).outcomes("clicks", [raw(sent)])
    assert plain[0][0][1]["fingerprint"] == rows[0][1]["fingerprint"]


def test_a_reader_travels_to_workers():
    reader = pickle.loads(pickle.dumps(reader_of({"shop": both})))
    assert reader.outcomes("shop", [raw(b"1")]) == reader_of({"shop": both}).outcomes("shop", [raw(b"1")])
