"""Dead letters sent again: which, as what, and never twice."""

import json
import time
import uuid
from collections import Counter
from datetime import timedelta

import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake
from hypothesis import given
from hypothesis import strategies as st

from jobs.entry import run_job
from jobs.redrive_dead_letters import run
from pipelines.connectors.kafka import Producer, TopicPlan, end_offsets, ensure_topics
from pipelines.connectors.kafka_reader import records_between
from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE, Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.fields import REASONS
from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.lake import BRONZE, DEAD_LETTERS
from pipelines.contracts.origin import Position, origin_value, origins_in, read_origin
from pipelines.contracts.parsing import ORIGIN_HEADER
from pipelines.contracts.positions import Coverage
from pipelines.contracts.topics import all_topics
from pipelines.errors import LakeError, ServiceError, SettingsError
from pipelines.runtime.embedded import Endpoints
from pipelines.runtime.redrive import (
    BEYOND_MENDING,
    Redriver,
    Selection,
    in_chunks,
    origins_sent,
    selected_topics,
    tail_of_kafka,
)
from pipelines.runtime.redrive_run import redrive_lake
from pipelines.settings import load_settings
from pipelines.silver.reading import RecordReader
from tests.records import CLICK, NOON, bronze_row

NOW = int(NOON.timestamp() * 1_000_000) + 3_600_000_000
ALL = Selection()
GOOD, NO_VISITOR = CLICK, {**CLICK, "visitor_id": None}


class Outbox:
    """Remembers what was sent."""

    def __init__(self):
        self.sent = []
        self.flushed = False
        self.acked: Counter = Counter()
        self.failed: Counter = Counter()

    def send(self, topic, *, key, value, headers, partition):
        self.sent.append((topic, partition, key, value, headers))

    def flush(self):
        self.flushed = True


def letter(topic, offset, value, reason, **changes):
    return bronze_row(topic, offset, value, **changes) | {"stage": "validate", "reason": reason}


def write_lake(folder, letters, *, copies=(), ends=None) -> Names:
    """A lake in which all letters and copies have landed, and only the letters are silver's."""
    names = Names.of(var_dir=str(folder), lake=None)
    tables = {BRONZE: ([*letters, *copies], LAND_BRONZE), DEAD_LETTERS: (letters, CLEAN_SILVER)}
    for spec, (rows, query) in tables.items():
        schema = arrow_schema(spec)
        content = [{name: row.get(name) for name in schema.names} for row in rows]
        coverage = Coverage(query, 0, ends or {}).encode()
        write_deltalake(
            names.table(spec.name),
            pa.Table.from_pylist(content, schema=schema),
            partition_by=list(spec.partitions),
            commit_properties=CommitProperties(custom_metadata={"userMetadata": coverage}),
        )
    return names


def copy_of(position, topic, offset, value=GOOD):
    header = {"key": ORIGIN_HEADER, "value": origin_value(position)}
    return bronze_row(topic, offset, value, headers=[header])


def drive(names, selection=ALL, *, tail=(), limit=None, now=NOW):
    reader = LakeReader(names)
    letters = selection.of(reader)
    since = min(selected_topics(letters).values())
    outbox = Outbox()
    origins = origins_sent(reader, tail, since=since)
    redriver = Redriver(
        RecordReader({}, lambda _table, _row: None), frozenset(all_topics()), origins, outbox, limit
    )
    return redriver.run(in_chunks(letters), now=now), outbox


def test_what_parses_now_goes_out_byte_for_byte_with_its_origin(tmp_path):
    odd_key, header = b"\xff\x00", {"key": "trace", "value": None}
    names = write_lake(
        tmp_path,
        [
            letter("clicks", 4, GOOD, "parser_failed", key=odd_key, headers=[header], partition=3),
            letter("clicks", 5, NO_VISITOR, "parser_failed"),
            letter("clicks", 6, b"{", "parser_failed"),
            letter("users", 0, None, "parser_failed", key=b"u1"),
        ],
    )
    report, outbox = drive(names, Selection(("parser_failed",)))
    assert outbox.sent == [
        (
            "clicks",
            3,
            odd_key,
            json.dumps(GOOD).encode(),
            (("trace", b""), (ORIGIN_HEADER, b"clicks/3/4")),
        ),
        ("users", 0, b"u1", None, ((ORIGIN_HEADER, b"users/0/0"),)),
    ]
    assert outbox.flushed
    assert report.as_data() == {
        "selected": 4,
        "parse_now": 2,
        "sent": 2,
        "already_sent": 0,
        "still_bad": {"missing": 1, "invalid_json": 1},
    }


def test_only_the_selected_are_read_and_in_the_order_of_their_partitions(tmp_path):
    letters = [letter("clicks", n, GOOD, "unknown_choice") for n in range(1200)]
    others = [letter("clicks", 2000, GOOD, "missing"), letter("orders", 0, GOOD, "unknown_choice")]
    names = write_lake(tmp_path, [*others, *reversed(letters)])
    report, outbox = drive(names, Selection(("unknown_choice", "too_long"), "clicks"))
    assert [sent[4][0][1] for sent in outbox.sent] == [f"clicks/0/{n}".encode() for n in range(1200)]
    assert report.as_data()["selected"] == 1200


def test_a_limit_bounds_what_is_sent_and_the_rest_is_still_counted(tmp_path):
    names = write_lake(tmp_path, [letter("clicks", n, GOOD, "missing") for n in range(10)])
    report, outbox = drive(names, limit=3)
    assert len(outbox.sent) == 3
    assert report.as_data() | {"still_bad": {}} == {
        "selected": 10,
        "parse_now": 10,
        "sent": 3,
        "already_sent": 0,
        "still_bad": {},
    }


def test_an_origin_in_bronze_or_in_kafkas_tail_is_not_sent_again(tmp_path):
    letters = [letter("clicks", n, GOOD, "missing") for n in range(3)]
    tomorrow = {"ingested_date": NOON.date() + timedelta(days=1)}
    copies = [copy_of(Position("clicks", 0, 0), "clicks", 50) | tomorrow]
    tail = [KafkaRecord("clicks", 0, 51, 0, b"k", b"v", [("x", b"y"), (ORIGIN_HEADER, b"clicks/0/1")])]
    report, outbox = drive(write_lake(tmp_path, letters, copies=copies), tail=tail)
    assert [sent[4][-1][1] for sent in outbox.sent] == [b"clicks/0/2"]
    assert (report.as_data()["already_sent"], report.as_data()["sent"]) == (2, 1)


def test_of_a_chain_only_the_last_copy_is_sent_and_names_the_one_before_it(tmp_path):
    first = letter("clicks", 0, GOOD, "missing")
    again = copy_of(Position("clicks", 0, 0), "clicks", 7) | {"stage": "map", "reason": "missing"}
    names = write_lake(tmp_path, [first, again])
    report, outbox = drive(names)
    assert [sent[4] for sent in outbox.sent] == [((ORIGIN_HEADER, b"clicks/0/7"),)]
    assert report.as_data()["already_sent"] == 1


def test_a_header_of_another_form_is_nobodys_origin(tmp_path):
    copy = copy_of(Position("clicks", 0, 0), "clicks", 7)
    copy["headers"] = [
        {"key": ORIGIN_HEADER, "value": value} for value in (b"\xff/0/0", None, b"clicks/0", b"clicks/0/0x")
    ]
    report, _ = drive(write_lake(tmp_path, [letter("clicks", 0, GOOD, "missing")], copies=[copy]))
    assert report.as_data()["sent"] == 1


def test_what_no_parser_can_mend_stays_also_when_all_reasons_are_asked_for(tmp_path):
    letters = [letter("clicks", 0, GOOD, "conflicting_id"), letter("clicks", 1, None, "empty_value")]
    report, outbox = drive(write_lake(tmp_path, letters))
    assert outbox.sent == []
    assert report.as_data()["still_bad"] == {"conflicting_id": 1, "empty_value": 1}


def test_a_topic_that_nobody_reads_any_more_is_not_sent_to(tmp_path):
    report, outbox = drive(write_lake(tmp_path, [letter("shop_clicks", 0, GOOD, "unmapped")]))
    assert outbox.sent == []
    assert report.as_data()["still_bad"] == {"unmapped": 1}


def test_now_is_the_brokers_time_of_the_check(tmp_path):
    ahead = {**GOOD, "occurred_at": "2026-03-01T14:00:00Z"}
    names = write_lake(tmp_path, [letter("clicks", 0, ahead, "in_future")])
    assert drive(names)[0].as_data()["still_bad"] == {"in_future": 1}
    assert drive(names, now=NOW + 3_600_000_000)[0].as_data()["sent"] == 1


@pytest.mark.parametrize(
    ("selection", "sentence"),
    [
        (Selection(("mising",)), "no reason `mising`.*missing"),
        *((Selection(("missing", reason)), f"`{reason}` cannot be sent again") for reason in BEYOND_MENDING),
        (Selection(("missing",), "clix"), "no topic `clix`.*clicks"),
    ],
)
def test_a_selection_that_cannot_be_is_one_sentence(selection, sentence):
    with pytest.raises(SettingsError, match=sentence) as raised:
        selection.check(all_topics())
    assert "\n" not in str(raised.value)


def test_reasons_and_topics_that_can_be_are_accepted():
    mendable = tuple(reason for reason in REASONS if reason not in BEYOND_MENDING)
    Selection(mendable, "orders").check(all_topics())
    assert set(BEYOND_MENDING) < set(REASONS)


def test_without_the_table_a_sentence_says_so(tmp_path):
    with pytest.raises(LakeError, match="clean_silver"):
        Selection().of(LakeReader(Names.of(var_dir=str(tmp_path), lake=None)))


def test_the_tail_begins_where_bronze_leaves_off():
    covered = {("clicks", 0): 7, ("orders", 0): 9}
    assert tail_of_kafka(covered, {("clicks", 0): 7, ("clicks", 1): 2}, bootstrap="b") == {
        ("clicks", 0): 7,
        ("clicks", 1): 0,
    }
    with pytest.raises(ServiceError, match=r"offset 6 of clicks/0.*7"):
        tail_of_kafka(covered, {("clicks", 0): 6}, bootstrap="b")
    with pytest.raises(ServiceError, match=r"clicks/0.*7"):
        tail_of_kafka(covered, {("clicks", 1): 6}, bootstrap="b")


@given(st.from_regex(r"[A-Za-z0-9._-]{1,249}", fullmatch=True), st.integers(0, 2**31), st.integers(0, 2**63))
def test_an_origin_reads_as_written(topic, partition, offset):
    position = Position(topic, partition, offset)
    assert read_origin(origin_value(position)) == position
    assert origins_in([("x", b"clicks/0/1"), (ORIGIN_HEADER, origin_value(position))]) == [position]


SQL = """
-- @column id = id
-- @topic clicks
select _row, id as event_id, 'page_view' as event_type, '2024-01-01T00:00:00Z' as occurred_at,
  id as visitor_id from input where id <> 'skip'
"""


@pytest.fixture
def bound_topic(stack: Endpoints):
    name = f"redrive-{uuid.uuid4().hex}"
    ensure_topics(stack.kafka, [TopicPlan(name)], partitions=2, max_message_bytes=1_000_000)
    return name


@pytest.fixture
def settings_of(stack: Endpoints, tmp_path, bound_topic):
    mapping = tmp_path / "own.sql"
    mapping.write_text(SQL)
    return load_settings(
        overrides=[
            f"var_dir={tmp_path}",
            f"kafka.bootstrap={stack.kafka}",
            "postgres.host=127.0.0.1",
            "postgres.password=x",
            "mlflow.tracking_uri=http://127.0.0.1:1",
            f"bindings=[{{topic: {bound_topic}, mapping: {mapping}}}]",
        ]
    )


@pytest.mark.services
def test_sending_twice_sends_once_through_a_real_broker(
    stack: Endpoints, settings_of, bound_topic, tmp_path, capsys
):
    messages = [json.dumps({"id": name}).encode() for name in ("a", "b", "skip")]
    with Producer(stack.kafka, max_message_bytes=1_000_000) as producer:
        for n, message in enumerate(messages):  # another client's choice of the partition
            producer.send(bound_topic, key=b"same", value=message, headers=(("h", b""),), partition=n % 2)
        producer.flush()
    ends = end_offsets(stack.kafka, [bound_topic])
    landed = list(records_between(stack.kafka, {}, ends))
    letters = [
        letter(
            bound_topic,
            r.offset,
            r.value,
            "unmapped",
            key=r.key,
            partition=r.partition,
            headers=[{"key": key, "value": value} for key, value in r.headers],
        )
        for r in landed
    ]
    write_lake(tmp_path, letters, ends=ends)

    assert run_job(run, ["--reason", "unmapped", "--dry-run"], settings=settings_of) == 0
    dry = json.loads(capsys.readouterr().out)
    assert (dry["parse_now"], dry["sent"], dry["dry_run"]) == (2, 0, True)
    assert end_offsets(stack.kafka, [bound_topic]) == ends

    first = redrive_lake(settings_of, Selection(("unmapped",), bound_topic), limit=1)
    assert (first.as_data()["sent"], first.as_data()["parse_now"]) == (1, 2)
    assert run_job(run, ["--reason", "unmapped"], settings=settings_of) == 0
    second = json.loads(capsys.readouterr().out)
    assert second == {
        "selected": 3,
        "parse_now": 1,
        "sent": 1,
        "already_sent": 1,
        "still_bad": {"unmapped": 1},
        "dry_run": False,
    }
    third = redrive_lake(settings_of, Selection(("unmapped",)))
    assert (third.as_data()["sent"], third.as_data()["already_sent"]) == (0, 2)

    copies = list(records_between(stack.kafka, ends, end_offsets(stack.kafka, [bound_topic])))
    origins = {Position(r.topic, r.partition, r.offset): r for r in landed if b"skip" not in r.value}
    assert {origins_in(copy.headers)[0] for copy in copies} == set(origins)
    assert len(copies) == 2
    for copy in copies:
        original = origins[origins_in(copy.headers)[0]]
        for name in ("topic", "partition", "key", "value"):
            assert getattr(copy, name) == getattr(original, name)
        assert [tuple(header) for header in copy.headers][:-1] == [("h", b"")]

    assert run_job(run, [], settings=settings_of) == 0
    table = capsys.readouterr().out
    assert table.splitlines()[1].split()[:4] == ["unmapped", "3", "2", "0"]


@pytest.mark.services
def test_a_bounded_read_ends_where_it_was_told(stack: Endpoints, bound_topic):
    with Producer(stack.kafka, max_message_bytes=1_000_000) as producer:
        for n in range(3_000):
            producer.send(bound_topic, key=str(n).encode(), value=b"x" * 100)
        producer.flush()
    ends = end_offsets(stack.kafka, [bound_topic])
    bounds = {place: end // 2 for place, end in ends.items()}
    starts = {(bound_topic, 0): 10}
    read = list(records_between(stack.kafka, starts, bounds))
    by_partition = {n: [r.offset for r in read if r.partition == n] for n in (0, 1)}
    assert by_partition == {
        0: list(range(10, bounds[bound_topic, 0])),
        1: list(range(bounds[bound_topic, 1])),
    }
    began = time.monotonic()
    assert list(records_between(stack.kafka, ends, ends)) == []
    assert time.monotonic() - began < 1
