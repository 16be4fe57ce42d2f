"""The record of a decision: what the scorer writes is what silver holds, and a number is a number."""

import json

import jsonschema
import pytest

from pipelines.contracts.avro import decode_avro, encode_avro
from pipelines.contracts.json_schema import json_schema
from pipelines.contracts.lake import silver_tables
from pipelines.contracts.parsing import RawRecord, Reject, parse_record
from pipelines.contracts.tables import DOUBLE
from pipelines.contracts.topics import all_topics
from serving.scoring.decision import Decision
from tests.decided import a_decision

TOPIC = all_topics()["decisions"]
ARRIVED = 1_772_366_400_000_000


def parsed(record):
    value = record if isinstance(record, bytes) else json.dumps(record).encode()
    return parse_record(RawRecord(b"v1", value, (), ARRIVED), TOPIC)


def test_what_the_scorer_writes_is_the_silver_row():
    record = a_decision()
    (row,) = parsed(record)
    held = {name: value for name, value in row.items() if value is not None}
    assert held.pop("occurred_at") == ARRIVED - 59_750_000
    assert held.pop("known_at") == ARRIVED
    assert held == {name: value for name, value in record.items() if name != "occurred_at"}


def test_the_scorers_struct_and_the_topic_name_the_same_fields():
    assert set(Decision.__struct_fields__) == {field.name for field in TOPIC.fields}


def test_the_printed_schema_takes_what_the_scorer_writes():
    valid = jsonschema.Draft202012Validator(json_schema(TOPIC)).is_valid
    assert valid(a_decision())
    assert valid(a_decision(probability=1))
    assert not valid(a_decision(probability=1.5))
    assert not valid(a_decision(probability="0.5"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"probability": 1.0001}, "out_of_range"),
        ({"probability": -1e-9}, "out_of_range"),
        ({"probability": "0.5"}, "wrong_type"),
        ({"probability": True}, "wrong_type"),
        ({"expected_minor": [1]}, "wrong_type"),
        ({"reason": "whim"}, "unknown_choice"),
        ({"door": "window"}, "unknown_choice"),
        ({"action": None}, "missing"),
    ],
)
def test_a_record_that_breaks_a_rule_is_a_dead_letter(changes, reason):
    outcome = parsed(a_decision() | changes)
    assert isinstance(outcome, Reject)
    assert outcome.reason == reason


def test_numbers_without_a_point_are_doubles_and_such_without_bounds_may_be_negative():
    (row,) = parsed(a_decision() | {"probability": 1, "expected_minor": -3})
    assert repr((row["probability"], row["expected_minor"])) == "(1.0, -3.0)"
    types = {column.name: column.type for column in silver_tables()["silver.decisions"].columns}
    assert types["probability"] == types["expected_minor"] == DOUBLE


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_what_is_no_finite_number_is_refused(text):
    value = json.dumps(a_decision() | {"expected_minor": 5}).replace(
        '"expected_minor": 5', f'"expected_minor": {text}'
    )
    assert text in value
    assert isinstance(parsed(value.encode()), Reject)


def test_avro_holds_the_same_numbers():
    record = a_decision() | {"occurred_at": ARRIVED}
    assert decode_avro(encode_avro(record, TOPIC))["probability"] == 0.25
    (row,) = parsed(encode_avro(record, TOPIC))
    assert (row["probability"], row["expected_minor"]) == (0.25, 12.5)
