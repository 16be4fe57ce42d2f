"""Polled tables: what a row becomes, and what is a change."""

import json
import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.topics import all_topics
from pipelines.errors import ServiceError
from pipelines.runtime.polling.table import PolledTable, PollReport, TablePoll
from pipelines.runtime.polling.versions import POLLED_HEADERS, encode_row, remember

USERS = all_topics()["users"]

NOW = 1_772_366_400_123_456

NOW_TEXT = "2026-03-01T12:00:00.123Z"

LATER = NOW + 60_000_000


class Outbox:
    """Keeps what was sent, as Kafka would hold it."""

    def __init__(self):
        self.records: list[KafkaRecord] = []
        self.acked: Counter = Counter()
        self.failed: Counter = Counter()

    def send(self, topic, *, key, value, headers=()):
        self.records.append(KafkaRecord(topic, 0, len(self.records), 0, key, value, headers))

    def flush(self):
        self.acked["users"] = len(self.records)


def poll_of(outbox, *, deletes=True, max_bytes=10_000) -> TablePoll:
    """A poll that begins now: it knows what the outbox holds."""
    return TablePoll(PolledTable(USERS, "", 60, deletes), remember(outbox.records), outbox, max_bytes)


def run(poll: TablePoll, *rows, now=NOW) -> PollReport:
    texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    return poll.run(iter(texts), now=now, stop=threading.Event())


def sent(outbox, since=0) -> list[tuple[bytes, dict | None]]:
    return [(r.key, r.value and json.loads(r.value)) for r in outbox.records[since:]]


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ('{"user_id":5,"name":"A"}', b"5", '{"user_id":5,"name":"A","occurred_at":"NOW"}'),
        ('{"user_id":5.00,"price":1990.00}', b"5", '{"user_id":5,"price":1990,"occurred_at":"NOW"}'),
        (
            '{"user_id":"ä\\"","rate":19.90}',
            'ä"'.encode(),
            '{"user_id":"ä\\"","rate":19.90,"occurred_at":"NOW"}',
        ),
        ('{"user_id":"u","name":null}', b"u", '{"user_id":"u","occurred_at":"NOW"}'),
        ('{"user_id":"u","occurred_at":null}', b"u", '{"user_id":"u","occurred_at":"NOW"}'),
        ('{"user_id":"u","occurred_at":"2026-01-01"}', b"u", '{"user_id":"u","occurred_at":"2026-01-01"}'),
        (
            '{"user_id":"u","tags":[1.0,{"a":null}],"n":-0.0,"big":1e30}',
            b"u",
            '{"user_id":"u","tags":[1.0,{"a":null}],"n":-0,"big":1e30,"occurred_at":"NOW"}',
        ),
        ('{"user_id":null,"name":"x"}', b"", '{"name":"x","occurred_at":"NOW"}'),
        ('{"user_id":""}', b"", '{"user_id":"","occurred_at":"NOW"}'),
    ],
)
def test_a_row_is_sent_as_the_contract_has_it(text, key, value):
    version = encode_row(text, key_field="user_id", now=NOW)
    assert (version.key, version.value.decode()) == (key, value.replace("NOW", NOW_TEXT))


def test_a_row_nested_too_deep_is_no_version():
    deep = "[" * 100_000 + "]" * 100_000
    assert encode_row(f'{{"user_id":"u","a":{deep}}}', key_field="user_id", now=NOW) is None


def test_changes_are_sent_once_and_what_is_the_same_never():
    outbox = Outbox()
    poll = poll_of(outbox)
    first = run(poll, {"user_id": "a", "name": "A"}, {"user_id": "b", "name": "B"})
    assert (first.rows, first.sent, first.unchanged) == (2, 2, 0)
    again = run(poll, {"name": "A", "user_id": "a"}, {"user_id": "b", "name": "B"}, now=LATER)
    assert (again.sent, again.unchanged, again.deleted) == (0, 2, 0)
    changed = run(poll, {"user_id": "a", "name": "A2"}, {"user_id": "b", "name": "B"}, now=LATER)
    assert (changed.sent, changed.unchanged) == (1, 1)
    assert sent(outbox, 2) == [
        (b"a", {"user_id": "a", "name": "A2", "occurred_at": "2026-03-01T12:01:00.123Z"})
    ]
    assert outbox.acked["users"] == 3


def test_a_restart_sends_nothing_twice():
    outbox = Outbox()
    rows = [{"user_id": "a", "name": "A"}, {"user_id": "b", "occurred_at": "2026-02-01T00:00:00+00:00"}]
    run(poll_of(outbox), *rows)
    report = run(poll_of(outbox), *rows, now=LATER)
    assert (report.sent, report.unchanged) == (0, 2)


def test_a_time_of_the_row_is_part_of_it_and_the_polls_time_is_not():
    outbox = Outbox()
    row = {"user_id": "a", "name": "A"}
    run(poll_of(outbox), row)
    touched = row | {"occurred_at": "2026-02-01T00:00:00+00:00"}
    assert run(poll_of(outbox), touched).sent == 1
    assert run(poll_of(outbox), touched | {"occurred_at": "2026-02-02T00:00:00+00:00"}).sent == 1
    assert run(poll_of(outbox), row).unchanged == 1


def test_a_key_that_has_vanished_is_deleted_once_and_may_return():
    outbox = Outbox()
    a, b = {"user_id": "a"}, {"user_id": "b"}
    run(poll_of(outbox), a, b)
    poll = poll_of(outbox)
    assert run(poll, a).deleted == 1
    assert sent(outbox, 2) == [(b"b", None)]
    assert (run(poll, a).deleted, run(poll_of(outbox), a).deleted) == (0, 0)
    assert run(poll_of(outbox), a, b).sent == 1


def test_without_deletes_a_vanished_key_stays():
    outbox = Outbox()
    run(poll_of(outbox), {"user_id": "a"})
    assert run(poll_of(outbox, deletes=False)).deleted == 0
    assert len(outbox.records) == 1


def test_what_others_have_sent_is_never_deleted_and_is_not_sent_again():
    outbox = Outbox()
    value = b'{"occurred_at": "2020-01-01T00:00:00Z", "name": "A", "user_id": "a"}'
    outbox.send("users", key=b"a", value=value)
    outbox.send("users", key=b"other", value=b"\xff not even JSON")
    report = run(poll_of(outbox), {"user_id": "a", "name": "A"})
    assert (report.sent, report.unchanged, report.deleted) == (0, 1, 0)


def test_a_poll_that_breaks_off_deletes_nothing():
    outbox = Outbox()
    run(poll_of(outbox), {"user_id": "a"}, {"user_id": "b"})

    def broken_off():
        yield '{"user_id":"a","name":"new"}'
        raise ServiceError("the database went away")

    with pytest.raises(ServiceError):
        poll_of(outbox).run(broken_off(), now=NOW, stop=threading.Event())
    stopped = threading.Event()
    stopped.set()
    assert poll_of(outbox).run(iter(['{"user_id":"a"}']), now=NOW, stop=stopped).deleted == 0
    assert [key for key, value in sent(outbox) if value is None] == []


def test_rows_that_cannot_be_versions_are_counted_and_not_sent():
    outbox = Outbox()
    long = {"user_id": "long", "name": "x" * 10_000}
    run(poll_of(outbox, max_bytes=20_000), {"user_id": "a"}, {"user_id": "gone"}, long)
    rows = [{"name": "n"}, {"user_id": ""}, {"user_id": "a"}, {"user_id": "a", "name": "two"}]
    report = run(poll_of(outbox), *rows, long | {"name": "y" * 10_000})
    assert (report.rows, report.without_key, report.repeated_keys, report.unsendable) == (5, 2, 1, 1)
    assert (report.sent, report.unchanged, report.deleted) == (0, 1, 0)


def test_a_row_that_breaks_the_contract_is_sent_and_told_of_once(capsys):
    outbox = Outbox()
    poll = poll_of(outbox)
    rows = [{"user_id": str(n), "level": "TITAN"} for n in range(3)]
    report = run(poll, *rows, {"user_id": "far", "occurred_at": "2026-03-01T12:06:00Z"}, {"user_id": "good"})
    assert (report.sent, report.broken) == (5, 4)
    told = [line for line in capsys.readouterr().out.splitlines() if "polled_row_breaks_contract" in line]
    assert [reason for line in told for reason in ("unknown_choice", "in_future") if reason in line] == [
        "unknown_choice",
        "in_future",
    ]


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",)))
)

ROWS = st.dictionaries(st.sampled_from(["name", "email", "occurred_at", "x"]), SCALARS | st.lists(SCALARS))


@given(st.lists(ROWS, max_size=4), st.data())
def test_any_rows_are_sent_once_whatever_their_order_and_restarts(rows, data):
    outbox = Outbox()
    keyed = [row | {"user_id": f"u{n}"} for n, row in enumerate(rows)]
    run(poll_of(outbox), *keyed)
    assert len(outbox.records) == len(rows)
    assert all(record.headers == POLLED_HEADERS for record in outbox.records)
    shuffled = [
        dict(data.draw(st.permutations(list(row.items())))) for row in data.draw(st.permutations(keyed))
    ]
    report = run(poll_of(outbox), *shuffled, now=LATER)
    assert (report.sent, report.deleted, report.unchanged) == (0, 0, len(rows))
