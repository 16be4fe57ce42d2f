"""Mappings bound to live topics: each message by itself, whatever its neighbours are."""

import json
import os
import time

import pytest

from pipelines.connectors.mapping import LiveTranslator, load_mapping, translate
from pipelines.contracts.avro import encode_avro
from pipelines.contracts.parsing import Reject
from pipelines.contracts.topics import all_topics
from pipelines.settings import conf_dir

FOLDER = conf_dir() / "mappings"
SQL = """
-- @column id = id | ID
-- @column amount? = amount
-- @topic clicks
select _row, id as event_id, 'page_view' as event_type, '2024-01-01T00:00:00Z' as occurred_at,
  id as visitor_id, amount::bigint as price_minor, _rest as properties from input where id <> 'skip'
-- @topic orders
select _row, id as event_id, id as order_id, '2024-01-01T00:00:00Z' as occurred_at, id as visitor_id,
  'paid' as status, [{product_id: id, quantity: 1}] as lines from input where amount = '7'
"""


@pytest.fixture
def mapping(tmp_path):
    path = tmp_path / "own.sql"
    path.write_text(SQL)
    return load_mapping(str(path), folder=tmp_path)


def message(name, amount="1", **further) -> bytes:
    return json.dumps({"id": name, "amount": amount, **further}).encode()


def ids(outcome) -> list[tuple[str, str]]:
    return [(topic, json.loads(value)["event_id"]) for topic, value, _ in outcome]


def test_bad_messages_among_thousands_of_good_ones_stand_alone(mapping):
    values: list[bytes | None] = [message(f"m{n}") for n in range(3000)]
    bad = {
        0: (message("b", "no number"), "mapping_failed"),
        1234: (message("b", "no number"), "mapping_failed"),
        1235: (message("b", "1e5"), None),
        1500: (b"{", "invalid_json"),
        1600: (None, "empty_value"),
        1700: (b"[1]", "not_an_object"),
        1800: (b'{"id":"caf\xe9"}', "invalid_utf8"),
        1900: (b'{"id":"\\ud800"}', "invalid_json"),
        2000: (b"{}", "unmapped"),
        2001: (message("skip"), "unmapped"),
        2999: (message("b", {"nested": [1]}), "mapping_failed"),
    }
    for index, (value, _) in bad.items():
        values[index] = value
    outcomes = translate(mapping, values)
    assert len(outcomes) == len(values)
    for index, outcome in enumerate(outcomes):
        _, reason = bad.get(index, (None, None))
        if reason is None:
            assert ids(outcome) == [("clicks", "b" if index in bad else f"m{index}")]
        else:
            assert isinstance(outcome, Reject)
            assert outcome.reason == reason
            assert outcome.stage == ("map" if reason in ("unmapped", "mapping_failed") else "decode")


def test_rejects_say_why(mapping):
    (failed,) = translate(mapping, [message("b", "no number")])
    assert failed.detail.startswith("Conversion Error: Could not convert string 'no number'")
    assert len(failed.detail) <= 200
    assert translate(mapping, []) == []


def test_one_message_may_give_records_in_several_topics_and_the_rest_is_kept(mapping):
    (outcome,) = translate(mapping, [message("m", 7, more={"a": [1, None]}, other=2.5)])
    assert ids(outcome) == [("clicks", "m"), ("orders", "m")]
    assert json.loads(outcome[0][1])["properties"] == {"more": {"a": [1, None]}, "other": 2.5}


def test_columns_are_found_by_any_name_and_the_first_that_has_a_value_counts(mapping):
    first, second = translate(mapping, [b'{"ID": "upper"}', b'{"id": null, "Amount": 3, "ID": 12}'])
    assert (ids(first), ids(second)) == ([("clicks", "upper")], [("clicks", "12")])
    assert json.loads(second[0][1])["price_minor"] == 3


def test_values_reach_the_record_letter_by_letter(mapping):
    odd = 'a "quote", \\x41 a backslash, \u0001 a control, 漢字 🛒 and \u0000 nul'
    (outcome,) = translate(mapping, [message(odd)])
    assert ids(outcome) == [("clicks", odd)]


def test_avro_messages_are_rows_too():
    mapping = load_mapping("attribution", folder=FOLDER)
    record = {
        "event_id": "1",
        "event_type": "page_view",
        "occurred_at": 1_700_000_000_000_000,
        "visitor_id": "v",
    }
    (outcome,) = translate(mapping, [encode_avro(record, all_topics()["clicks"])])
    assert outcome.reason == "unmapped"


def test_a_translator_switches_mappings_and_survives_a_fork(mapping):
    own, other = LiveTranslator(mapping), LiveTranslator(load_mapping("touchpoints", folder=FOLDER))
    assert ids(own([message("a")])[0]) == [("clicks", "a")]
    assert isinstance(other([message("a")])[0], list)
    assert ids(own([message("b")])[0]) == [("clicks", "b")]
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if ids(own([message("c")])[0]) == [("clicks", "c")] else 2
        finally:
            os._exit(code)
    deadline = time.monotonic() + 30
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert ended == (child, 0)
