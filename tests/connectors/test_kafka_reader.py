"""Records between two positions, from a real broker."""

import time
import uuid

import pytest

from pipelines.connectors.kafka import Producer, TopicPlan, end_offsets, ensure_topics
from pipelines.connectors.kafka_reader import records_between, records_since
from pipelines.runtime.embedded import Endpoints

pytestmark = pytest.mark.services


def test_a_bounded_read_ends_where_it_was_told(stack: Endpoints):
    topic = f"bounded-{uuid.uuid4().hex}"
    ensure_topics(stack.kafka, [TopicPlan(topic)], partitions=2, max_message_bytes=1_000_000)
    with Producer(stack.kafka, max_message_bytes=1_000_000) as producer:
        for n in range(3_000):
            producer.send(topic, key=str(n).encode(), value=b"x" * 100)
        producer.flush()
    ends = end_offsets(stack.kafka, [topic])
    bounds = {place: end // 2 for place, end in ends.items()}
    starts = {(topic, 0): 10}
    read = list(records_between(stack.kafka, starts, bounds))
    by_partition = {n: [r.offset for r in read if r.partition == n] for n in (0, 1)}
    assert by_partition == {
        0: list(range(10, bounds[topic, 0])),
        1: list(range(bounds[topic, 1])),
    }
    began = time.monotonic()
    assert list(records_between(stack.kafka, ends, ends)) == []
    assert time.monotonic() - began < 1


def test_records_since_a_moment_are_those_that_arrived_then_or_later(stack: Endpoints):
    topic = f"since-{uuid.uuid4().hex}"
    ensure_topics(stack.kafka, [TopicPlan(topic)], partitions=3, max_message_bytes=1_000_000)
    with Producer(stack.kafka, max_message_bytes=1_000_000) as producer:
        for name in ("early", "late"):
            moment = time.time_ns() // 1_000
            for n in range(30):
                producer.send(topic, key=str(n).encode(), value=name.encode())
            producer.flush()
            time.sleep(0.05)
    every = {r.partition for r in records_since(stack.kafka, topic, range(3), since=0)}
    assert every == {0, 1, 2}
    read = list(records_since(stack.kafka, topic, [0, 2, 9], since=moment))
    assert {r.value for r in read} == {b"late"}
    assert {r.partition for r in read} == {0, 2}
    whole = list(records_since(stack.kafka, topic, [0, 2], since=0))
    assert len(whole) == 2 * len(read)
    assert list(records_since(stack.kafka, topic, range(3), since=moment + 60_000_000)) == []
    assert list(records_since(stack.kafka, "no-such-topic", [0], since=0)) == []
