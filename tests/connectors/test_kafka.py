"""Topics, producer and offsets against a real broker."""

import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from pipelines.connectors.kafka import (
    Producer,
    TopicPlan,
    end_offsets,
    ensure_topics,
    planned_topics,
)
from pipelines.connectors.names import Names
from pipelines.contracts.delivery import Delivery
from pipelines.contracts.topics import all_topics
from pipelines.errors import ServiceError
from pipelines.runtime.embedded import Endpoints
from pipelines.runtime.embedded.kafka import EmbeddedKafka
from pipelines.runtime.embedded.ports import choose
from pipelines.runtime.embedded.progress import silent
from pipelines.runtime.embedded.service import BringUp, stop_all
from pipelines.runtime.embedded.state import StateFile
from pipelines.runtime.feeds.feed import feed
from tests.conftest import open_folder, settings_below

_LIMIT = 8 * 1024 * 1024


def test_every_documented_topic_is_planned_and_dimensions_are_compacted() -> None:
    plans = {plan.name: plan.compacted for plan in planned_topics(["mine"])}
    assert set(all_topics()) < set(plans)
    assert {name for name, compacted in plans.items() if compacted} == {"users", "products", "offers"}
    assert {"decisions", "checkouts", "vip_actions", "notifications", "mine"} < set(plans)


def test_without_a_broker_one_sentence_names_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.connectors.kafka._BOOTSTRAP_TIMEOUT_MS", 1_000)
    address = f"127.0.0.1:{choose(preferred=())}"
    with pytest.raises(ServiceError, match=address):
        Producer(address, max_message_bytes=_LIMIT)
    with pytest.raises(ServiceError, match=address):
        ensure_topics(address, [TopicPlan("x")], partitions=1, max_message_bytes=_LIMIT)
    with pytest.raises(ServiceError, match=address):
        end_offsets(address, ["x"])


@pytest.fixture
def topics(stack: Endpoints) -> Iterator[tuple[str, str]]:
    """A plain and a compacted topic of the test's own, three partitions each."""
    names = (f"plain-{uuid.uuid4().hex}", f"compact-{uuid.uuid4().hex}")
    plans = [TopicPlan(names[0]), TopicPlan(names[1], compacted=True)]
    assert ensure_topics(stack.kafka, plans, partitions=3, max_message_bytes=_LIMIT) == list(names)
    assert ensure_topics(stack.kafka, plans, partitions=5, max_message_bytes=_LIMIT) == []
    yield names
    with KafkaAdminClient(bootstrap_servers=stack.kafka) as admin:
        admin.delete_topics(list(names))


@pytest.mark.services
def test_topics_have_the_brokers_time_and_room(stack: Endpoints, topics: tuple[str, str]) -> None:
    with KafkaAdminClient(bootstrap_servers=stack.kafka) as admin:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
        configs = admin.describe_configs(resources, config_filter="all")["topic"]
        sizes = {t["name"]: len(t["partitions"]) for t in admin.describe_topics(list(topics))}
    assert sizes == dict.fromkeys(topics, 3)
    for name, policy in zip(topics, ("delete", "compact"), strict=True):
        assert configs[name]["message.timestamp.type"]["value"] == "LogAppendTime"
        assert configs[name]["max.message.bytes"]["value"] == str(_LIMIT)
        assert configs[name]["cleanup.policy"]["value"] == policy


@pytest.mark.services
def test_what_is_acknowledged_is_there_byte_for_byte(stack: Endpoints, topics: tuple[str, str]) -> None:
    plain, compact = topics
    sent = [(f"v{n % 17}".encode(), b"\xff\x00" + str(n).encode()) for n in range(5_000)]
    began = int(time.time() * 1000)
    with Producer(stack.kafka, max_message_bytes=_LIMIT) as producer:
        for key, value in sent:
            producer.send(plain, key=key, value=value, headers=(("h", b"1"),))
        producer.send(plain, key=b"v0", value=None)
        producer.send(compact, key=b"k", value=b"x" * (5 * 1024 * 1024))
        producer.flush()
        assert producer.acked == {plain: 5_001, compact: 1}
        assert not producer.failed
    offsets = end_offsets(stack.kafka, topics)
    assert sum(n for (topic, _), n in offsets.items() if topic == plain) == 5_001
    assert len(offsets) == 6
    read = _read(stack.kafka, plain, offsets)
    assert Counter((r.key, r.value) for r in read) == Counter([*sent, (b"v0", None)])
    assert all(list(r.headers) == [("h", b"1")] for r in read if r.value is not None)
    assert min(r.timestamp for r in read) >= began - 1_000
    for key in {key for key, _ in sent}:
        values = [r.value for r in read if r.key == key and r.value is not None]
        assert values == [value for other, value in sent if other == key]
        assert len({r.partition for r in read if r.key == key}) == 1


@pytest.mark.services
def test_a_record_the_broker_refuses_is_counted_and_raised(stack: Endpoints, topics: tuple[str, str]) -> None:
    plain, _ = topics
    with Producer(stack.kafka, max_message_bytes=2 * _LIMIT) as producer:
        producer.send(plain, key=b"v", value=b"x" * (_LIMIT + 1_000))
        with pytest.raises(ServiceError, match=r"MessageSizeTooLarge|RecordTooLarge"):
            producer.flush()
        assert producer.failed == {plain: 1}
        with pytest.raises(ServiceError):
            producer.send(plain, key=b"v", value=b"small")


@pytest.fixture
def broker() -> Iterator[tuple[str, int]]:
    """A broker that may be killed: its address and its process."""
    with open_folder() as folder:
        settings = settings_below(folder / "var")
        names = Names.of(var_dir=settings.var_dir, lake=None)
        service = EmbeddedKafka(settings=settings.kafka, names=names)
        record = BringUp(state=StateFile(names=names), progress=silent).ensure(service)
        yield f"127.0.0.1:{record.port}", record.process.pid
        stop_all(service, record)


@pytest.mark.services
def test_a_broker_that_dies_ends_a_feed_with_one_sentence(
    broker: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, pid = broker
    monkeypatch.setattr("pipelines.connectors.kafka._DELIVERY_TIMEOUT_MS", 3_000)
    monkeypatch.setattr("pipelines.connectors.kafka._REQUEST_TIMEOUT_MS", 2_000)
    ensure_topics(address, [TopicPlan("clicks")], partitions=1, max_message_bytes=_LIMIT)
    deliveries = (Delivery(n * 10_000, "clicks", b"v", str(n).encode()) for n in range(100_000))
    killed = threading.Timer(1.0, os.kill, (pid, signal.SIGKILL))
    began = time.monotonic()
    with Producer(address, max_message_bytes=_LIMIT) as producer:
        killed.start()
        report = feed(deliveries, producer, speed=1.0, stop=threading.Event())
    assert time.monotonic() - began < 20
    assert report.ended == "failed"
    assert address in str(report.error)
    assert 0 < report.acked["clicks"] < report.sent
    assert report.failed["clicks"] > 0


def _read(bootstrap: str, topic: str, offsets: dict[tuple[str, int], int]) -> list:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, consumer_timeout_ms=10_000)
    parts = [TopicPartition(topic, number) for name, number in offsets if name == topic]
    consumer.assign(parts)
    consumer.seek_to_beginning(*parts)
    wanted = sum(n for (name, _), n in offsets.items() if name == topic)
    read = []
    for record in consumer:
        read.append(record)
        if len(read) == wanted:
            break
    consumer.close()
    return read
