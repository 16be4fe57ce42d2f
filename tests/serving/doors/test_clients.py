"""What the scorer wants of a Kafka client, of each library and with a real broker."""

import threading
import time
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, KafkaException

from pipelines.connectors.kafka import Producer, TopicPlan, end_offsets, ensure_topics
from pipelines.connectors.kafka_reader import records_between
from pipelines.errors import ServiceError
from pipelines.runtime.embedded import Endpoints
from serving.doors.clients import CLIENTS, confluent, kafka_python
from serving.doors.clients.interface import Membership, Outgoing

pytestmark = pytest.mark.services
PARTITIONS = 3
SESSION = 2.0


class Told:
    """A listener that begins where it is told to, and remembers."""

    def __init__(self, reader, starts=None):
        self.reader, self.starts, self.heard, self.has = reader, starts or {}, [], frozenset()
        self.error = None

    def assigned(self, places):
        self.heard.append(("assigned", places))
        self.has = places
        if self.error:
            raise self.error
        known = self.reader.committed(places) | self.starts
        return {place: known.get(place, 0) for place in places}

    def revoked(self, places):
        self.heard.append(("revoked", places))

    def lost(self, places):
        self.heard.append(("lost", places))


class Bench:
    """Two topics of a test, and members of a group of its own."""

    def __init__(self, bootstrap, client):
        self.bootstrap, self.client = bootstrap, client
        self.group = uuid.uuid4().hex
        self.topics = [f"{self.group}-{name}" for name in ("clicks", "orders")]
        plans = [TopicPlan(name) for name in self.topics]
        ensure_topics(bootstrap, plans, partitions=PARTITIONS, max_message_bytes=1_000_000)
        self.readers = []

    def write(self, count, *, topic=0, partition=None):
        with Producer(self.bootstrap, max_message_bytes=1_000_000) as producer:
            for n in range(count):
                producer.send(self.topics[topic], key=b"%d" % n, value=b"%d" % n, partition=partition)
            producer.flush()

    def member(self, **given):
        reader = self.client.reader(Membership(self.bootstrap, self.group, "member", SESSION))
        told = Told(reader, given.get("starts"))
        reader.subscribe(self.topics, told)
        self.readers.append(reader)
        return reader, told

    def close(self):
        for one in self.readers:
            one.close()


def read(reader, count, *, seconds=10.0):
    found, until = [], time.monotonic() + seconds
    while len(found) < count and time.monotonic() < until:
        found += reader.poll(seconds=0.2, most=100)
    return found


@pytest.fixture(params=sorted(CLIENTS))
def bench(stack: Endpoints, request) -> Iterator[Bench]:
    made = Bench(stack.kafka, CLIENTS[request.param])
    yield made
    made.close()


def test_records_come_in_order_as_they_lie_there(bench):
    bench.write(300)
    reader, told = bench.member()
    found = read(reader, 300)
    assert sorted(int(one.value) for one in found) == list(range(300))
    assert told.has == {(topic, n) for topic in bench.topics for n in range(PARTITIONS)}
    for n in range(PARTITIONS):
        offsets = [one.offset for one in found if one.partition == n]
        assert offsets == list(range(len(offsets)))
    assert abs(found[0].ingested_at / 1e6 - time.time()) < 30
    assert (found[0].key, found[0].topic, list(found[0].headers)) == (
        found[0].value,
        bench.topics[0],
        [],
    )


def test_a_record_is_there_at_once(bench):
    reader, _ = bench.member()
    read(reader, 1, seconds=1.5)
    bench.write(1)  # makes a producer, which takes a moment
    with Producer(bench.bootstrap, max_message_bytes=1_000_000, linger_ms=0) as producer:
        read(reader, 1, seconds=2)
        producer.send(bench.topics[0], key=b"k", value=b"v")
        producer.flush()
        began = time.monotonic()
        assert len(read(reader, 1)) == 1
        assert time.monotonic() - began < 0.15


def test_a_reader_goes_where_its_listener_says_and_where_it_is_sent(bench):
    bench.write(20, partition=2)
    place = (bench.topics[0], 2)
    reader, _ = bench.member(starts={place: 15})
    assert [one.offset for one in read(reader, 5)] == [15, 16, 17, 18, 19]
    reader.seek({place: 3})
    assert [one.offset for one in read(reader, 17)] == list(range(3, 20))


def test_positions_are_kept_for_the_group(bench):
    bench.write(10, partition=1)
    place, other = (bench.topics[0], 1), (bench.topics[1], 1)
    reader, _ = bench.member()
    assert len(read(reader, 10)) == 10
    assert reader.committed([place, other]) == {}
    reader.commit({place: 4}, wait=True)
    assert reader.committed([place, other]) == {place: 4}
    reader.commit({place: 7})
    read(reader, 1, seconds=1)
    assert reader.committed([place]) == {place: 7}
    reader.close()
    again, _ = bench.member()
    assert [one.offset for one in read(again, 3)] == [7, 8, 9]


def test_offsets_are_found_by_place_and_by_time(bench):
    bench.write(5, partition=0)
    time.sleep(0.05)
    between = time.time_ns() // 1000
    time.sleep(0.05)
    bench.write(2, partition=0)
    place, empty = (bench.topics[0], 0), (bench.topics[1], 2)
    reader, _ = bench.member()
    read(reader, 7)
    assert reader.bounds([place, empty]) == {place: (0, 7), empty: (0, 0)}
    assert reader.ends([place, empty]) == {place: 7, empty: 0}
    assert reader.at_times({place: between, empty: between}) == {place: 5, empty: 0}
    assert reader.at_times({place: between + 60_000_000}) == {place: 7}
    assert reader.at_times({place: 0}) == {place: 0}
    assert reader.at_times({}) == reader.ends([]) == reader.committed([]) == {}


def test_two_members_share_numbers_of_both_topics_together(bench):
    first, told = bench.member()
    until = time.monotonic() + 15
    while time.monotonic() < until and len(told.has) < 2 * PARTITIONS:
        first.poll(seconds=0.05, most=10)
    second, told_second = bench.member()
    while time.monotonic() < until and not (told_second.has and len(told.has) < 2 * PARTITIONS):
        first.poll(seconds=0.05, most=10)
        second.poll(seconds=0.05, most=10)
    assert len(told.has | told_second.has) == 2 * PARTITIONS
    for one in (told, told_second):
        numbers = [{n for topic, n in one.has if topic == name} for name in bench.topics]
        assert numbers[0] == numbers[1]
    assert not told.has & told_second.has
    assert ("revoked", told.heard[0][1]) in told.heard
    second.close()
    while time.monotonic() < until and len(told.has) < 2 * PARTITIONS:
        first.poll(seconds=0.05, most=10)
    assert len(told.has) == 2 * PARTITIONS


def test_what_a_listener_raises_is_raised_by_poll(bench):
    reader, told = bench.member()
    told.error = ServiceError("the store is away")
    with pytest.raises(ServiceError, match="the store is away"):
        read(reader, 1, seconds=5)


def test_records_are_acknowledged_by_token_and_lie_where_their_key_leads(bench):
    tokens, done = [], threading.Event()

    def settled(some, is_written):
        tokens.extend((one, is_written) for one in some)
        if len(tokens) == 101:
            done.set()

    writer = bench.client.writer(bench.bootstrap, settled=settled, max_message_bytes=1_000_000)
    for n in range(100):
        assert writer.send(Outgoing(bench.topics[0], b"%d" % n, b"%d" % n), n)
    assert writer.send(Outgoing(bench.topics[0], b"7", b"there", 2), "named")
    assert done.wait(10)
    assert {one for one, is_written in tokens if is_written} == {*range(100), "named"}
    writer.close(seconds=2)
    bench.write(100, topic=1)
    found = {
        name: {(r.value, r.partition) for r in records_between(bench.bootstrap, {}, ends)}
        for name in bench.topics
        for ends in [end_offsets(bench.bootstrap, [name])]
    }
    assert found[bench.topics[0]] == found[bench.topics[1]] | {(b"there", 2)}


def test_a_producer_that_takes_nothing_more_is_replaced(bench):
    class Spent:
        def produce(self, *_):
            raise KafkaException(KafkaError(KafkaError._FATAL, "no more", True))

        def purge(self):
            pass

        def poll(self, _seconds):
            time.sleep(0.01)

        flush = poll

    told = []
    writer = CLIENTS["confluent"].writer(
        bench.bootstrap, settled=lambda *one: told.append(one), max_message_bytes=1_000_000
    )
    writer._producer = Spent()
    assert not writer.send(Outgoing(bench.topics[0], b"k", b"v"), 1)
    assert writer.send(Outgoing(bench.topics[0], b"k", b"v"), 2)
    writer.close(seconds=5)
    assert told == [((2,), True)]


def test_a_writer_needs_no_broker_and_never_waits(bench):
    writer = bench.client.writer("127.0.0.1:1", settled=lambda *_: None, max_message_bytes=1_000_000)
    began = time.monotonic()
    taken = sum(writer.send(Outgoing("t", b"k", b"v"), n) for n in range(5_000))
    assert time.monotonic() - began < 1
    assert 1_000 <= taken < 5_000
    writer.close(seconds=0.1)


def test_without_a_broker_a_reader_says_so(bench, monkeypatch):
    monkeypatch.setattr(confluent, "_ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(kafka_python, "_ANSWER_MS", 300)
    with pytest.raises(ServiceError, match="does not answer"):
        bench.client.reader(Membership("127.0.0.1:1", "g", "m", SESSION)).ends([("t", 0)])
