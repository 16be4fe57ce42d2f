"""`parse_record` gives what its definition gives: `parse_exactly`, rule after rule."""

import json
from functools import cache
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines.contracts import parsing
from pipelines.contracts.avro import MARKER, encode_avro
from pipelines.contracts.fields import read_time
from pipelines.contracts.odd_inputs import odd_inputs
from pipelines.contracts.parsing import KNOWN_AT_HEADER, RawRecord, Reject, Row, parse_exactly, parse_record
from pipelines.contracts.topics import all_topics
from pipelines.simulator.faults import broken_copy
from tests.contracts.odd_values import ODD_VALUES
from tests.decided import a_decision
from tests.simulator.runs import START, run_shop

INGESTED_AT = START + 3_600_000_000


class Sent(NamedTuple):
    """A record and the topic on which it arrived."""

    raw: RawRecord
    topic: str


def agree(sent: Sent) -> list[Row] | Reject:
    """What both ways give."""
    topic = all_topics()[sent.topic]
    outcome = parse_record(sent.raw, topic)
    assert spelled(outcome) == spelled(parse_exactly(sent.raw, topic))
    return outcome


def spelled(outcome: list[Row] | Reject) -> str:
    """The outcome as text, so that 1, 1.0 and true differ."""
    return repr(outcome if isinstance(outcome, Reject) else [sorted(row.items()) for row in outcome])


def written(members: list[tuple[str, str]]) -> bytes:
    """A JSON object of these members, in their order, names repeated as they are."""
    text = ",".join(f"{json.dumps(name)}:{value}" for name, value in members)
    return f"{{{text}}}".encode("utf-8", "surrogatepass")


def as_sent(value: bytes | None, topic: str, headers=(), key=b"v1") -> Sent:
    return Sent(RawRecord(key, value, headers, INGESTED_AT), topic)


@cache
def shop():
    return run_shop(rate=100, horizon_seconds=20, broken_share=0.1, avro_share=0.1, late_share=0.1)


@cache
def originals() -> dict[str, list[list[tuple[str, str]]]]:
    """Some good records of each topic, as members with the JSON of their values."""
    chosen: dict[str, list[list[tuple[str, str]]]] = {name: [] for name in all_topics()}
    for delivery in shop().deliveries:
        records = chosen[delivery.topic]
        if delivery.fate == "ok" and delivery.value[:2] != MARKER and len(records) < 40:
            record = json.loads(delivery.value)
            records.append([(name, json.dumps(value)) for name, value in record.items()])
    chosen["decisions"].append([(name, json.dumps(value)) for name, value in a_decision().items()])
    return chosen


def test_a_shops_records_have_the_outcomes_of_the_definition():
    outcomes = [agree(as_sent(d.value, d.topic, d.headers, d.key)) for d in shop().deliveries]
    rejects = [outcome for outcome in outcomes if isinstance(outcome, Reject)]
    assert len(rejects) > 100
    assert len(outcomes) - len(rejects) > 2_000


@pytest.mark.parametrize("topic", ["clicks", "orders"])
def test_every_kind_of_broken_record_is_rejected_as_by_the_definition(topic):
    record = {name: json.loads(value) for name, value in originals()[topic][0]}
    for step in range(400):
        broken = broken_copy(record, topic, step / 400)
        outcome = agree(as_sent(broken.value, topic, broken.headers))
        assert isinstance(outcome, Reject)
        assert outcome.reason == broken.reason


def test_odd_records_have_the_outcomes_of_the_definition():
    for odd in (odd for group in odd_inputs().values() for odd in group):
        agree(as_sent(odd.value, odd.topic, odd.headers))


@pytest.mark.parametrize("topic", all_topics())
def test_every_field_with_every_odd_value_is_read_as_by_the_definition(topic):
    spec, members = all_topics()[topic], originals()[topic][0]
    outcomes = []
    for name in (*(f.name for f in spec.fields), "properties", "lines", "undeclared", "é"):
        others = [member for member in members if member[0] != name]
        for value in ODD_VALUES:
            outcomes.append(agree(as_sent(written([*others, (name, value)]), topic)))
            outcomes.append(agree(as_sent(written([(name, value), *members]), topic)))
    assert {isinstance(outcome, Reject) for outcome in outcomes} == {True, False}


def test_every_field_of_a_line_with_every_odd_value_is_read_as_by_the_definition():
    good = ("lines", '[{"product_id":"p","quantity":1}]')
    members = [member for member in originals()["orders"][0] if member[0] != "lines"]
    for name in (*(f.name for f in all_topics()["orders"].lines), "undeclared"):
        for value in ODD_VALUES:
            line = ("lines", f'[{{"product_id":"p","quantity":1,{json.dumps(name)}:{value}}},{{}}]')
            for lines in (line, ("lines", line[1].replace(",{}", ""))):
                agree(as_sent(written([good, *members, lines]), "orders"))


JSON_TEXTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
).map(json.dumps)
VALUES = st.sampled_from(ODD_VALUES) | JSON_TEXTS
HEADERS = st.sampled_from(
    [(), (), ((KNOWN_AT_HEADER, b"2025-10-09"),), ((KNOWN_AT_HEADER, b"soon"),), (("x", None),)]
)
NAMES = tuple(
    {f.name for topic in all_topics().values() for f in (*topic.fields, *topic.lines)}
    | {"properties", "lines", "undeclared", "known_at", "valid_from", "is_deleted", "line_number", ""}
)


@st.composite
def changed_members(draw, members):
    """The members after up to three changes: dropped, given another value, repeated, moved to the end."""
    members = list(members)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(members)))
        change = draw(st.sampled_from(["drop", "retype", "add", "repeat"]))
        if change == "add" or place == len(members):
            members.insert(place, (draw(st.sampled_from(NAMES)), draw(VALUES)))
        elif change == "drop":
            del members[place]
        elif change == "retype":
            members[place] = (members[place][0], draw(VALUES))
        else:
            members.append((members[place][0], draw(VALUES)))
    return members


@st.composite
def records(draw):
    """A simulated record after some changes to its members, its lines and, rarely, its bytes."""
    topic = draw(st.sampled_from(sorted(all_topics())))
    members = draw(changed_members(draw(st.sampled_from(originals()[topic]))))
    if topic == "orders" and draw(st.booleans()):
        line = [("product_id", '"p"'), ("quantity", "2"), ("brand", '"b"')]
        lines = [written(draw(changed_members(line))).decode() for _ in range(draw(st.integers(1, 3)))]
        members.append(("lines", f"[{','.join(lines)}]"))
    value = written(members)
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 1, 2]))):
        start = draw(st.integers(0, len(value)))
        middle = draw(
            st.sampled_from([b"", b" ", b"\xff", b"\xed\xa0\x80", b"\0", b'"', b"{", b"}", b",", b"\\"])
        )
        value = value[:start] + middle + value[start + draw(st.integers(0, 2)) :]
    received = draw(st.sampled_from([topic] * 5 + ["clicks"]))
    return as_sent(value, received, draw(HEADERS))


@settings(max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck))
@example(as_sent(None, "users", key=b"u1"))
@example(as_sent(None, "users", key=b"\xff"))
@example(as_sent(b"", "users", key=b"u1"))
@example(as_sent(None, "clicks"))
@given(records())
def test_changed_records_have_the_outcomes_of_the_definition(sent):
    agree(sent)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["clicks", "orders", "users"]),
    st.fixed_dictionaries(
        {},
        optional={
            "brand": st.text(max_size=4),
            "gender": st.text(max_size=4),
            "sequence": st.integers(-2, 2),
        },
    ),
    st.sampled_from([None, "", "{}", '{"a":1}', "[]", "{", '{"a":"\\ud800"}', "[" * 80 + "]" * 80]),
    st.integers(0, 20),
)
def test_avro_records_have_the_outcomes_of_the_definition(topic, changes, properties, cut):
    names = [f.name for f in all_topics()[topic].fields]
    record = {name: json.loads(value) for name, value in originals()[topic][0] if name in (*names, "lines")}
    moment = read_time(record["occurred_at"], "occurred_at")
    changes = {name: value for name, value in changes.items() if name in names}
    value = encode_avro(
        record | {"occurred_at": moment, "properties": properties} | changes, all_topics()[topic]
    )
    agree(as_sent(value, topic))
    agree(as_sent(value[: len(value) - cut], topic))


@given(st.binary(max_size=60), st.sampled_from(sorted(all_topics())))
def test_any_bytes_have_the_outcomes_of_the_definition(value, topic):
    agree(as_sent(value, topic))


def test_good_json_is_read_without_the_definition(monkeypatch):
    judged = []

    def counted(raw, topic):
        judged.append(raw)
        return parse_exactly(raw, topic)

    monkeypatch.setattr(parsing, "parse_exactly", counted)
    good = [d for d in shop().deliveries if d.fate == "ok" and d.value[:2] != MARKER]
    outcomes = [
        parse_record(RawRecord(d.key, d.value, d.headers, INGESTED_AT), all_topics()[d.topic]) for d in good
    ]
    assert not any(isinstance(outcome, Reject) for outcome in outcomes)
    assert judged == []


def test_a_rule_broken_in_a_line_is_named_with_the_line():
    lines = '[{"product_id":"p","quantity":1},{"product_id":"p","quantity":0}]'
    members = [member for member in originals()["orders"][0] if member[0] != "lines"]
    outcome = agree(as_sent(written([*members, ("lines", lines)]), "orders"))
    assert outcome[:3] == ("validate", "out_of_range", "lines[2].quantity")


def test_the_first_broken_field_in_declared_order_is_named():
    outcome = agree(as_sent(b'{"brand":1,"occurred_at":"soon","visitor_id":"v","event_id":"e"}', "clicks"))
    assert outcome[:3] == ("validate", "missing", "event_type")
