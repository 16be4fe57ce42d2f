"""Clicks read by Spark's expressions: as the one parser reads them, as far as the route uses them."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from fastavro import schemaless_reader

from pipelines.contracts.avro import encode_avro
from pipelines.contracts.parsing import RawRecord, Reject, parse_record
from pipelines.contracts.topics import all_topics
from pipelines.contracts.vips import SHORT_CLICK
from pipelines.errors import SettingsError
from pipelines.gold.vips.messages import Output, action_schema, function_type, messages, with_levels
from pipelines.gold.vips.reading import read_clicks
from pipelines.runtime.vips.function import check_sql, with_results

pytestmark = pytest.mark.spark

CLICKS = all_topics()["clicks"]
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
_SOURCE = (
    "key binary, value binary, topic string, partition int, offset long, timestamp timestamp,"
    " headers array<struct<key:string,value:binary>>"
)


def click(**changes) -> dict:
    made = {"event_id": "e", "event_type": "page_view", "occurred_at": NOW.isoformat(), "visitor_id": "v"}
    return {name: value for name, value in (made | changes).items() if value is not None}


def sent(**changes) -> bytes:
    return json.dumps(click(**changes)).encode()


AVRO = encode_avro(click(occurred_at=NOW, user_id="u1"), CLICKS)
LIKE_THE_PARSER = [
    sent(user_id="u1"), sent(user_id=12), sent(user_id=10**30), sent(user_id=1.5), sent(user_id=True),
    sent(user_id={"a": 1}), sent(user_id=""), sent(visitor_id=""), sent(user_id="x" * 257), sent(page_url=3),
    sent(event_type="buy"), sent(user_agent="x" * 2049), sent(page_type="a\0b"), sent(occurred_at="nope"),
    sent(occurred_at="2026-05-01T14:00:00+02:00"), sent(occurred_at="2026-05-01 11:00"),
    sent(occurred_at="2026-05-01"),
    sent(occurred_at="2026-05-01T12:00:00.123456Z"), sent(occurred_at="2026-05-01T14:00:00+0200"),
    sent(occurred_at=int(NOW.timestamp() * 1000)), sent(occurred_at=-5), sent(occurred_at=10**17),
    sent(occurred_at=1.5),
    sent(occurred_at=(NOW + timedelta(minutes=6)).isoformat()), sent(occurred_at="1999-12-31T23:59:59Z"),
    sent(occurred_at="2026-13-01T00:00:00Z"), sent(occurred_at=True),
    b"{", b"", None, b"[1]", b"3", b"null", b"\xff\xfe", b'{"visitor_id": NaN}', b" " * 2**20 + b"x",
    AVRO, AVRO[:14], b"\xc3\x01abcdefgh", AVRO[:10] + b"\xfe\xff\xff\xff\x0f\x61", b"\xc3\x01",
]  # fmt: skip


def read(spark, values):
    rows = [(None, value, "clicks", 0, offset, NOW, None) for offset, value in enumerate(values)]
    return read_clicks(spark.createDataFrame(rows, _SOURCE))


def test_values_have_the_parsers_fate(spark):
    found = read(spark, LIKE_THE_PARSER).orderBy("id").collect()
    by_offset = {int(row.id.rpartition("/")[2]): row for row in found}
    differ = []
    for offset, value in enumerate(LIKE_THE_PARSER):
        row, micros = by_offset[offset], int(NOW.timestamp() * 1e6)
        parsed = parse_record(RawRecord(None, value, (), micros), CLICKS)
        if isinstance(parsed, Reject):
            expected, got = (parsed.reason, parsed.field), (row.reason, row.field)
        else:
            time = row.occurred_at.replace(tzinfo=UTC).timestamp() * 1e6
            expected = (parsed[0]["user_id"], parsed[0]["visitor_id"], parsed[0]["occurred_at"])
            got = (row.user_id, row.visitor_id, round(time)) if row.reason is None else row.reason
        if expected != got:
            differ.append((value and value[:90], expected, got))
    assert differ == []


def test_a_click_without_id_and_time_takes_kafkas(spark):
    short = {"user_id": "u1", "page": "/p", "action": "buy"}
    values = [json.dumps(short).encode(), encode_avro(short, SHORT_CLICK), b'{"page": "/p"}']
    in_json, in_avro, nobody = read(spark, values).orderBy("id").collect()
    for row in (in_json, in_avro):
        assert (row.reason, row.user_id, row.page, row.action) == (None, "u1", "/p", "buy")
        assert row.occurred_at.replace(tzinfo=UTC) == NOW
    assert (in_json.id, nobody.reason) == ("clicks/0/0", "missing")


MIXED = [AVRO, b"{", sent(user_id="u2")]


def vips(spark):
    levels = spark.createDataFrame([("u1", "Ann", "PLATINUM")], "user_id string, name string, level string")
    return with_levels(read(spark, MIXED), levels)


def output(function=None, form="json", longest=100) -> Output:
    return Output(actions="A", dead_letters="D", format=form, function=function, longest_value=longest)


def test_only_vips_pass_and_dead_letters_keep_their_bytes(spark):
    action, dead = messages(vips(spark), output()).orderBy("topic").collect()
    assert (action.topic, bytes(action.key)) == ("A", b"v")
    told = json.loads(action.value)
    assert (told["id"], told["name"], told["level"]) == ("clicks/0/0", "Ann", "PLATINUM")
    assert datetime.fromisoformat(told["occurred_at"]) == NOW
    headers = {name: value and bytes(value).decode() for name, value in dead.headers}
    assert (dead.topic, bytes(dead.value)) == ("D", b"{")
    assert headers == {
        "clicklake-reason": "invalid_json", "clicklake-field": None, "clicklake-source": "clicks/0/1"
    }  # fmt: skip


def test_a_dead_letter_that_would_not_fit_has_its_place_only(spark):
    dead = messages(vips(spark), output(longest=0)).where("topic = 'D'").first()
    assert dead.value is None
    assert dead.headers[-1].value == b"clicks/0/1"


@pytest.mark.parametrize("form", ["json", "avro"])
def test_sql_adds_fields(spark, form):
    function = "named_struct('kind', upper(action), 'n', length(record:visitor_id::string))"
    wanted = output(function, form)
    check_sql(vips(spark), wanted)
    value = bytes(messages(vips(spark), wanted).where("topic = 'A'").first().value)
    if form == "json":
        told = json.loads(value)
    else:
        schema = action_schema(function_type(vips(spark), function))
        told = schemaless_reader(io.BytesIO(value[10:]), schema, None)
    assert (told["user_id"], told["kind"], told["n"]) == ("u1", "PAGE_VIEW", 1)


def test_sql_filters_and_what_cannot_be_computed_is_no(spark):
    for condition, passed in (("action = 'page_view'", 1), ("action = 'buy'", 0), ("page_count > 1", None)):
        if passed is not None:
            assert messages(vips(spark), output(condition)).where("topic = 'A'").count() == passed
        else:
            with pytest.raises(SettingsError, match="page_count"):
                check_sql(vips(spark), output(condition))


@pytest.mark.parametrize(
    ("function", "word"),
    [
        ("upper(", "vip.function"),
        ("upper(name)", "named_struct"),
        ("named_struct('id', 1)", "id"),
        ("count(*)", "vip.function"),
    ],
)
def test_sql_that_cannot_be_used_is_told(spark, function, word):
    with pytest.raises(SettingsError, match=word):
        check_sql(vips(spark), output(function))


def shout(action: dict) -> dict | None:
    """Used by a worker, by its name."""
    if action["user_id"] == "u2":
        raise ValueError("u2 is not liked")
    return {"who": action["name"].upper()}


def test_python_results_go_to_their_topic_and_failures_to_dead_letters(spark):
    levels = spark.createDataFrame(
        [("u1", "Ann", "GOLD"), ("u2", "Bob", "GOLD")], "user_id string, name string, level string"
    )
    rows = with_levels(read(spark, MIXED), levels)
    function = f"{__name__}:shout"
    made = with_results(messages(rows, output()), function=function, topic="R", dead_letters="D").collect()
    assert [row.topic for row in made] == ["A", "R", "D", "A", "D"]
    assert bytes(made[1].value) == b'{"who":"ANN"}'
    headers = {name: value and bytes(value).decode() for name, value in made[4].headers}
    assert bytes(made[4].value) == sent(user_id="u2")
    assert headers["clicklake-reason"] == "function_failed"
    assert "u2 is not liked" in headers["clicklake-detail"]
