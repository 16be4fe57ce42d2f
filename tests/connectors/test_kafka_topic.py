"""A topic that takes each batch of a query whole and once, on a real broker."""

import uuid
from contextlib import closing

import pytest
from kafka import KafkaConsumer, TopicPartition

from pipelines.connectors import kafka_topic
from pipelines.connectors.kafka import TopicPlan, ensure_topics
from pipelines.connectors.kafka_topic import BATCH_HEADER, Message, TransactionalTopic
from pipelines.errors import ServiceError

pytestmark = pytest.mark.services


class Topic:
    """A new topic, its writers, and what its readers see."""

    def __init__(self, bootstrap):
        self.name, self._bootstrap, self._open = f"told-{uuid.uuid4().hex}", bootstrap, []
        ensure_topics(bootstrap, [TopicPlan(self.name)], partitions=2, max_message_bytes=1_000_000)

    def writer(self, query_id="q1"):
        self._open.append(
            TransactionalTopic(self._bootstrap, self.name, query=f"query-{self.name}", query_id=query_id)
        )
        return self._open[-1]

    def seen(self, isolation="read_committed"):
        consumer = KafkaConsumer(
            bootstrap_servers=self._bootstrap, isolation_level=isolation, auto_offset_reset="earliest"
        )
        with closing(consumer):
            places = [TopicPartition(self.name, number) for number in (0, 1)]
            consumer.assign(places)
            ends = consumer.end_offsets(places)
            found = []
            while any(consumer.position(place) < ends[place] for place in places):
                found += [one for some in consumer.poll(timeout_ms=200).values() for one in some]
        return sorted((one.value.decode(), dict(one.headers)[BATCH_HEADER].decode()) for one in found)

    def close(self):
        for one in self._open:
            one.close()


@pytest.fixture
def topic(stack):
    with closing(Topic(stack.kafka)) as found:
        yield found


def messages(*values):
    return [Message(value.encode(), value.encode()) for value in values]


def test_a_batch_is_written_once_however_often_it_is_given(topic):
    writer = topic.writer()
    for _ in range(3):
        writer.write(4, messages("a", "b"))
    writer.write(3, messages("older"))
    writer.write(5, messages("c"))
    assert topic.seen() == [("a", "q1:4"), ("b", "q1:4"), ("c", "q1:5")]


def test_a_writer_that_was_started_again_knows_what_is_there(topic):
    topic.writer().write(4, messages("a", "b"))
    again = topic.writer()
    again.write(4, messages("a", "b"))
    again.write(5, messages("c"))
    assert topic.seen() == [("a", "q1:4"), ("b", "q1:4"), ("c", "q1:5")]


def test_a_broker_that_takes_its_time_is_waited_for(topic, monkeypatch):
    """An answer that does not come at once is not: there is nothing."""
    topic.writer().write(4, messages("a"))
    monkeypatch.setattr(kafka_topic, "_POLL_MS", 0)
    topic.writer().write(4, messages("a"))
    assert topic.seen() == [("a", "q1:4")]


def test_batches_of_another_checkpoint_are_others(topic):
    topic.writer().write(4, messages("a"))
    topic.writer("q2").write(0, messages("b"))
    assert topic.seen() == [("a", "q1:4"), ("b", "q2:0")]


def test_the_last_batch_is_found_behind_many_of_another_checkpoint(topic):
    topic.writer().write(4, messages("a"))
    topic.writer("q2").write(0, messages(*(f"b{n}" for n in range(300))))
    topic.writer().write(4, messages("a"))
    assert len(topic.seen()) == 301


def test_a_writer_that_was_thought_dead_is_refused(topic):
    old = topic.writer()
    old.write(1, messages("a"))
    topic.writer().write(2, messages("b"))
    with pytest.raises(ServiceError):
        old.write(2, messages("c"))
    assert topic.seen() == [("a", "q1:1"), ("b", "q1:2")]


def test_nobody_sees_half_a_batch_and_the_next_writer_writes_it_whole(topic):
    dying = topic.writer()

    def broken():
        yield from messages("a", "b")
        raise OSError("the driver dies")

    with pytest.raises(OSError, match="dies"):
        dying.write(1, broken())
    topic.writer().write(1, messages("a", "b"))
    assert topic.seen() == [("a", "q1:1"), ("b", "q1:1")]


def test_an_empty_batch_is_nothing_to_anyone(topic):
    writer = topic.writer()
    writer.write(1, [])
    writer.write(2, messages("a"))
    assert topic.seen() == [("a", "q1:2")]
