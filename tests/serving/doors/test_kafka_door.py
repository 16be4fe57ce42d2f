"""The Kafka door with a real broker: decided once, whoever reads, whoever is killed."""

import subprocess
import sys
import time
import uuid
from collections import Counter

import pytest

from pipelines.connectors.kafka import ensure_topics, planned_topics
from pipelines.runtime.embedded import Endpoints
from tests.serving.doors.parts import Replica, Shop, wait_for

pytestmark = pytest.mark.services


@pytest.fixture
def shop(stack: Endpoints):
    ensure_topics(stack.kafka, planned_topics(), partitions=4, max_message_bytes=8_388_608)
    made = Shop(stack.kafka)
    yield made
    made.producer.close()


@pytest.fixture
def group():
    return uuid.uuid4().hex


def ids(decisions):
    return Counter(one["event_id"] for one in decisions)


@pytest.mark.parametrize("client", ["confluent", "kafka-python"])
def test_what_asks_is_decided_with_all_before_it_and_without_itself(shop, group, client):
    with Replica(shop.bootstrap, group, client) as replica:
        replica.wait_ready()
        asked = shop.checkouts(20, before=2)
        found = shop.decisions(20)
    assert sorted(one["about_event"] for one in found) == sorted(asked)
    assert {one["features"] for one in found} == {'{"seen": 2}'}
    assert {one["door"] for one in found} == {"kafka"}
    assert {one["about_partition"] == one["partition"] for one in found} == {True}
    one = found[0]
    assert one["event_id"] == f"checkout_purchase:1:{one['visitor_id']}:{one['about_event']}"


def test_a_decision_lies_where_its_event_does_whatever_its_key(shop, group):
    with Replica(shop.bootstrap, group) as replica:
        replica.wait_ready()
        numbers = [*range(shop.partitions)] * 2
        for n, partition in enumerate(numbers):
            shop.send(n, "checkout_start", partition=partition)
        shop.producer.flush()
        found = shop.decisions(len(numbers))
    assert sorted(one["partition"] for one in found) == sorted(numbers)
    assert all(one["partition"] == one["about_partition"] for one in found)


def test_a_second_copy_asks_nothing(shop, group):
    with Replica(shop.bootstrap, group) as replica:
        replica.wait_ready()
        for _ in range(2):
            shop.send(1, "checkout_start", event_id="same")
        shop.send(2, "checkout_start")
        shop.producer.flush()
        shop.decisions(2)
        time.sleep(0.3)
        assert len(shop.decisions(2)) == 2


def test_what_came_while_nobody_read_is_decided_and_nothing_twice(shop, group):
    with Replica(shop.bootstrap, group) as replica:
        replica.wait_ready()
        shop.checkouts(5, before=1)
        shop.decisions(5)
    shop.checkouts(5, before=1)
    with Replica(shop.bootstrap, group) as replica:
        replica.wait_ready()
        found = shop.decisions(10)
    assert set(ids(found).values()) == {1}
    assert Counter(one["features"] for one in found) == {'{"seen": 1}': 5, '{"seen": 3}': 5}


def test_decisions_that_were_not_committed_are_not_made_again(shop, group, monkeypatch):
    monkeypatch.setattr("serving.doors.stream.door.KafkaDoor._commit", lambda _: None)
    monkeypatch.setattr("serving.doors.stream.door.KafkaDoor.to_commit", lambda _: ({}, 0))
    with Replica(shop.bootstrap, group) as replica:
        replica.wait_ready()
        shop.checkouts(8)
        shop.decisions(8)
    with Replica(shop.bootstrap, group) as replica:
        replica.wait_ready()
        shop.checkouts(1)
        found = shop.decisions(9)
    assert len(found) == 9
    assert set(ids(found).values()) == {1}


def test_a_group_that_never_decided_leaves_nothing_out_either(shop, group, monkeypatch):
    monkeypatch.setattr("serving.doors.stream.door.KafkaDoor._commit", lambda _: None)
    monkeypatch.setattr("serving.doors.stream.door.KafkaDoor.to_commit", lambda _: ({}, 0))
    with Replica(shop.bootstrap, group) as replica:
        replica.wait_ready()
    shop.checkouts(5)
    with Replica(shop.bootstrap, group):
        assert len(shop.decisions(5)) == 5


def test_a_position_is_not_committed_before_its_decision_is_written(shop, group, monkeypatch):
    with Replica(shop.bootstrap, group) as replica:
        replica.wait_ready()
        monkeypatch.setattr(replica.log._writer, "send", lambda *_: False)
        shop.checkouts(8)
        wait_for(lambda: len(replica.log) == 8)
    with Replica(shop.bootstrap, group) as replica:
        replica.wait_ready()
        assert set(ids(shop.decisions(8)).values()) == {1}


def test_an_answer_that_fails_stops_nothing(shop, group):
    with Replica(shop.bootstrap, group, fails=True) as replica:
        replica.wait_ready()
        shop.checkouts(1)
        wait_for(lambda: b'failures_total{where="scorer"} 1.0' in replica.meters.text())
        replica.scorer.fails = False
        shop.send(1, "checkout_start")
        shop.producer.flush()
        (one,) = shop.decisions(1)
        assert one["visitor_id"] == shop.visitor(1)


def test_what_the_store_lacks_is_read_once_its_positions_are_known(shop, group, monkeypatch):
    monkeypatch.setattr("serving.doors.stream.door._RESTORE_SECONDS", 0.2)
    shop.checkouts(1, before=3)
    known = []
    with Replica(shop.bootstrap, group, store=lambda: known[0] if known else None) as replica:
        wait_for(lambda: replica.door._heard_at)
        assert replica.door.problem() == "the store's positions are not known yet"
        shop.checkouts(1)
        known.append({})
        replica.wait_ready()
        shop.checkouts(1)
        found = shop.decisions(2)
    assert [one["features"] for one in found] == ['{"seen": 0}', '{"seen": 5}']


def test_a_killed_replicas_partitions_move_within_five_seconds(shop, group):
    command = [sys.executable, "-m", "tests.serving.doors.parts", shop.bootstrap, group]
    with Replica(shop.bootstrap, group) as replica:
        replica.wait_ready()
        other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        wait_for(lambda: other.stdout.readline() == b"ready\n")
        wait_for(lambda: len(replica.door._progress.places) == shop.partitions)
        shop.checkouts(20)
        before = shop.decisions(20)
        other.kill()
        killed = time.monotonic()
        shop.checkouts(20)
        wait_for(lambda: len(replica.door._progress.places) == 2 * shop.partitions)
        found = shop.decisions(40)
        took = time.monotonic() - killed
        other.wait(5)
    assert len({one["partition"] for one in before}) == shop.partitions
    assert set(ids(found).values()) == {1}
    assert took < 5
