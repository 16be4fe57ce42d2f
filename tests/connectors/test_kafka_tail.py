"""Reading on from positions, and some time before them, from a real broker."""

import uuid

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from pipelines.connectors import kafka_tail
from pipelines.connectors.kafka_tail import KafkaTail
from pipelines.errors import ServiceError
from pipelines.runtime.embedded import Endpoints

pytestmark = pytest.mark.services
MINUTE_MS = 60_000
BEGIN_MS = 1_700_000_000_000
RECORDS = 20


@pytest.fixture
def topic(stack: Endpoints):
    """Twenty records, one a minute, in the first of two partitions."""
    name = f"tail-{uuid.uuid4().hex}"
    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    admin.create_topics([NewTopic(name, 2, 1, topic_configs={"message.timestamp.type": "CreateTime"})])
    producer = KafkaProducer(bootstrap_servers=stack.kafka)
    for n in range(RECORDS):
        moment = BEGIN_MS + n * MINUTE_MS
        producer.send(
            name, value=b"%d" % n, key=b"k", headers=[("h", b"v")], partition=0, timestamp_ms=moment
        )
    producer.close()
    yield name
    admin.delete_topics([name])
    admin.close()


def offsets(tail: KafkaTail, count: int) -> list[int]:
    """The offsets of the next records."""
    found: list[int] = []
    while len(found) < count:
        polled = tail.poll(timeout_ms=2_000, most=7)
        assert 0 < len(polled) <= 7
        found += [one.offset for one in polled]
    return found


@pytest.mark.parametrize(
    ("position", "minutes", "first"),
    [(15, 5, 9), (15, 0, 14), (15, 60, 0), (0, 5, 0), (1, 5, 0), (RECORDS, 3, 16)],
)
def test_it_begins_so_long_before_the_last_record_below_the_position(stack, topic, position, minutes, first):
    with KafkaTail(stack.kafka, [topic]) as tail:
        since = tail.begin({(topic, 0): position}, before_micros=minutes * MINUTE_MS * 1_000)
        assert since == {(topic, 0): position, (topic, 1): 0}
        assert offsets(tail, RECORDS - first) == list(range(first, RECORDS))
        assert tail.poll(timeout_ms=50, most=7) == []


def test_a_record_comes_as_it_lies_there(stack, topic):
    with KafkaTail(stack.kafka, [topic]) as tail:
        tail.begin({}, before_micros=0)
        (first, *_) = tail.poll(timeout_ms=2_000, most=7)
    assert first == (topic, 0, 0, BEGIN_MS * 1_000, b"k", b"0", [("h", b"v")])


def test_what_kafka_no_longer_holds_is_left_out(stack, topic):
    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    admin.delete_records({TopicPartition(topic, 0): 12})
    admin.close()
    with KafkaTail(stack.kafka, [topic]) as tail:
        assert tail.begin({(topic, 0): 5}, before_micros=0) == {(topic, 0): 12, (topic, 1): 0}
        assert offsets(tail, RECORDS - 12) == list(range(12, RECORDS))


def test_without_a_broker_it_says_so(monkeypatch):
    monkeypatch.setattr(kafka_tail, "_BOOTSTRAP_TIMEOUT_MS", 300)
    with pytest.raises(ServiceError, match="does not answer"):
        KafkaTail("127.0.0.1:1", ["t"])
