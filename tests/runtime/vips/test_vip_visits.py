"""Visits of VIPs: put together from actions, and kept in Postgres once each whatever is read twice."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition

from pipelines.connectors.postgres import connect
from pipelines.connectors.roles import prepare_database
from pipelines.errors import ServiceError
from pipelines.gold.vips.messages import action_schema
from pipelines.runtime.vips.actions import VISIT_GAP, Action, Source, read_action, source_of, visits_of
from pipelines.runtime.vips.visits import VisitKeeper

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def action(minute: float, user: str = "u1") -> Action:
    return Action(user, "PLATINUM", NOON + minute * MINUTE, "Ann")


def test_a_pause_longer_than_the_gap_ends_a_visit():
    first, second = visits_of([action(31), action(0), action(30), action(61.1)])
    assert (first.first_seen, first.last_seen, first.pages) == (NOON, NOON + 31 * MINUTE, 3)
    assert (second.first_seen, second.pages) == (NOON + 61.1 * MINUTE, 1)


@given(st.lists(st.tuples(st.integers(0, 500), st.sampled_from(["a", "b"])), max_size=40))
def test_every_action_is_in_one_visit_and_visits_lie_apart(drawn):
    visits = visits_of(action(minute, user) for minute, user in drawn)
    pages = Counter()
    for visit in visits:
        pages[visit.user_id] += visit.pages
    assert pages == Counter(user for _, user in drawn)
    for before, after in pairwise(visits):
        assert before.user_id < after.user_id or after.first_seen - before.last_seen > VISIT_GAP


def test_the_source_of_a_message_is_in_its_header():
    assert source_of([("clicklake-source", b"clicks/3/17")]) == Source("clicks/3", 17)
    assert source_of([]) is None
    assert source_of([("clicklake-source", b"clicks")]) is None


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"[]", b'{"user_id": 3}', b"\xc3\x01", b"\xc3\x0112345678\xff"]
)
def test_what_is_no_action_is_passed_over(value):
    assert read_action(value, action_schema(None)) is None


def record(offset: int, source: str, minute: float, user: str = "u1") -> SimpleNamespace:
    value = {
        "user_id": user,
        "name": "Ann",
        "level": "PLATINUM",
        "occurred_at": (NOON + minute * MINUTE).isoformat(),
    }
    headers = [("clicklake-source", source.encode())]
    return SimpleNamespace(offset=offset, headers=headers, value=json.dumps(value).encode(), timestamp=0)


def keeper(database) -> VisitKeeper:
    return VisitKeeper("nowhere:1", database, topic="vip_actions", schema=action_schema(None))


@pytest.mark.services
def test_copies_count_once_and_a_second_writer_is_refused(database):
    place = TopicPartition("vip_actions", 0)
    first, second = keeper(database), keeper(database)
    with connect(database) as connection:
        prepare_database(connection)
        first.resume(connection)
        second.resume(connection)
        first.write(connection, {place: [record(0, "clicks/0/5", 0), record(1, "clicks/1/2", 1)]})
        with pytest.raises(ServiceError, match="another driver"):
            second.write(connection, {place: [record(0, "clicks/0/5", 0)]})
        second.resume(connection)
        copies = [record(2, "clicks/0/5", 0), record(3, "clicks/1/2", 1), record(4, "clicks/0/6", 3)]
        second.write(connection, {place: copies})
        with connection.cursor() as cursor:
            cursor.execute("select first_seen, last_seen, pages from gold.vip_visits")
            assert cursor.fetchall() == [(NOON, NOON + 3 * MINUTE, 3)]
            cursor.execute(
                "select positions -> 'vip_actions' from ops.ledger where query = 'keep_vip_visits'"
            )
            assert cursor.fetchone() == ({"0": 5},)
