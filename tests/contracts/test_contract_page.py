"""The printed contract: the page in docs, the schemas for producers, the fates of odd records."""

import json
from pathlib import Path

import fastavro
import jsonschema
import pytest
from click.testing import CliRunner

from jobs.cli.commands.contract import command
from pipelines.contracts.avro import avro_schema, encode_avro
from pipelines.contracts.fields import REASONS
from pipelines.contracts.json_schema import json_schema
from pipelines.contracts.odd_inputs import odd_inputs
from pipelines.contracts.topics import all_topics
from pipelines.errors import SettingsError
from pipelines.simulator import ShopConfig, Simulation

PAGE = Path(__file__).parents[2] / "docs" / "data-contract.md"
EXPECTED = {
    "epoch seconds, `1772366340`": "before_2000",
    "epoch milliseconds, `1772366340000`": "silver",
    "epoch microseconds": "in_future",
    "six minutes past the broker's time": "in_future",
    "four minutes past the broker's time": "silver",
    "`NaN` or `Infinity`": "invalid_json",
    "`1e400`": "number_out_of_range",
    'a number as text, `"quantity": "2"`': "wrong_type",
    "an empty text in an optional field": "silver",
    "an empty text in a required field": "missing",
    "a field that nobody declared": "silver",
    "bytes that are not UTF-8": "invalid_utf8",
    "nested 100,000 levels deep": "too_deep",
    "5 MB of valid JSON": "too_large",
    "single-object encoding of the documented schema": "silver",
    "a fingerprint that is not documented": "unknown_avro_schema",
    "a null value on a compacted topic": "tombstone",
    "an order with one bad line among good ones": "missing",
}


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_page_in_docs_is_what_the_command_prints():
    assert PAGE.read_text() == printed(), "run `clicklake contract > docs/data-contract.md`"


def test_the_page_names_every_topic_field_and_reason():
    page = PAGE.read_text()
    names = {f.name for topic in all_topics().values() for f in (*topic.fields, *topic.lines)}
    assert [name for name in (*all_topics(), *names, *REASONS) if f"`{name}`" not in page] == []


def test_odd_records_have_the_fates_decided_for_them():
    fates = {odd.what: odd.fate() for group in odd_inputs().values() for odd in group}
    assert {what: fates[what] for what in EXPECTED} == EXPECTED


def test_a_silver_row_of_an_odd_record_says_what_it_then_holds():
    kept = [o for group in odd_inputs().values() for o in group if o.fate() == "silver"]
    plain = {"ISO 8601 with a zone", "epoch milliseconds", "single-object encoding"}
    assert [o.what for o in kept if not o.note and not o.what.startswith(tuple(plain))] == []


@pytest.fixture(scope="module")
def deliveries():
    config = ShopConfig(start=1_760_000_000_000_000, rate=40, horizon_seconds=30, broken_share=0.2)
    return list(Simulation(config).deliveries())


@pytest.mark.parametrize("topic", sorted(set(all_topics()) - {"decisions"}))
def test_the_json_schema_accepts_what_the_shop_sends(topic, deliveries):
    schema = json.loads(printed(topic, "--format", "json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    good = [d.value for d in deliveries if d.topic == topic and d.fate == "ok" and d.value]
    assert good
    validator = jsonschema.Draft202012Validator(schema)
    for value in good[:200]:
        validator.validate(json.loads(value))


def test_the_json_schema_refuses_what_breaks_a_declared_rule(deliveries):
    expressible = {"missing", "wrong_type", "out_of_range", "too_long", "unknown_choice", "no_lines"}
    bad = [d for d in deliveries if d.reason in expressible and d.value]
    assert {d.reason for d in bad} >= {"missing", "wrong_type", "out_of_range"}
    for delivery in bad:
        schema = json_schema(all_topics()[delivery.topic])
        assert not jsonschema.Draft202012Validator(schema).is_valid(json.loads(delivery.value)), delivery


def test_the_json_schema_takes_null_and_empty_for_an_optional_field_only():
    schema = json_schema(all_topics()["clicks"])
    click = {"event_id": 1, "event_type": "search", "occurred_at": 1_772_366_340_000, "visitor_id": "v"}
    valid = jsonschema.Draft202012Validator(schema).is_valid
    assert valid(click | {"user_id": None})
    assert valid(click | {"user_id": ""})
    assert not valid(click | {"visitor_id": None})
    assert not valid(click | {"visitor_id": ""})


@pytest.mark.parametrize("topic", all_topics())
def test_a_producer_can_write_avro_by_the_printed_schema(topic):
    result = CliRunner().invoke(command, [topic, "--format", "avro"])
    schema = json.loads(result.stdout)
    assert schema == avro_schema(all_topics()[topic])
    fastavro.parse_schema(schema)
    if topic == "clicks":
        click = {"event_id": "e", "event_type": "search", "occurred_at": 1, "visitor_id": "v"}
        opening = encode_avro(click, all_topics()["clicks"])[:10].hex()
        assert f"the bytes {opening}," in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"), [(["click"], "no topic `click`"), (["--format", "json"], "name it")]
)
def test_a_wrong_topic_is_told_which_there_are(arguments, says):
    with pytest.raises(SettingsError, match=says) as error:
        CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert str(error.value).endswith("the topics are clicks, decisions, offers, orders, products, users.")
