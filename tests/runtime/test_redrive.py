"""Dead letters sent again: which, as what, and never twice."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import Names
from pipelines.contracts.fields import REASONS
from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.origin import Position, origin_value, origins_in, read_origin
from pipelines.contracts.parsing import ORIGIN_HEADER
from pipelines.contracts.topics import all_topics
from pipelines.errors import LakeError, ServiceError, SettingsError
from pipelines.runtime.redrive import BEYOND_MENDING, Selection, tail_of_kafka
from tests.records import NOON
from tests.runtime.dead_letters import GOOD, NO_VISITOR, NOW, copy_of, drive, letter, write_lake


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
