"""Records of Kafka in flight: read as silver reads them, repeats of what came before among them."""

import json
import time
import uuid
from datetime import UTC, datetime

import pytest

from pipelines.connectors.kafka import Producer, end_offsets, ensure_topics, planned_topics
from pipelines.connectors.kafka_tail import KafkaTail
from pipelines.gold.features.scalar import values
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.in_flight import InFlight
from tests.records import CLICK, ORDER, reader_of

pytestmark = pytest.mark.services
TOPICS = ("clicks", "orders")
LIMIT = 8_388_608


@pytest.fixture
def shop(stack):
    """Sends records of a visitor of the test's own; the topics are shared by all tests."""
    ensure_topics(stack.kafka, planned_topics(), partitions=2, max_message_bytes=LIMIT)
    visitor = uuid.uuid4().hex
    same = {"visitor_id": visitor, "occurred_at": datetime.now(UTC).isoformat()}

    def send(topic, **changes):
        value = (CLICK if topic == "clicks" else ORDER) | same | changes
        with Producer(stack.kafka, max_message_bytes=LIMIT) as producer:
            producer.send(topic, key=visitor.encode(), value=json.dumps(value).encode())
            producer.flush()

    send.visitor = visitor
    return send


def polled(in_flight, ends):
    """The events of the visitor until all is read."""
    events, deadline = [], time.monotonic() + 20
    while dict(in_flight.overlay.reached) != ends:
        assert time.monotonic() < deadline
        events += in_flight.poll(timeout_ms=100)
    return events


def test_only_first_copies_of_sound_records_are_events(stack, shop):
    """Also where the first copy lies before the position that reading began at."""
    shop("clicks", event_id="before")
    since = end_offsets(stack.kafka, TOPICS)
    with KafkaTail(stack.kafka, TOPICS) as tail:
        in_flight = InFlight(tail, reader_of(), list(all_sets().values()), since=since)
        shop("clicks", event_id="before")
        shop("clicks", event_id="before", brand="another")
        shop("clicks", event_id="new", product_id="p1", event_type="product_view")
        shop("clicks", event_id="new", product_id="p1", event_type="product_view")
        shop("clicks", event_id="broken", event_type="nonsense")
        shop("orders", event_id="order")
        shop("orders", event_id="order")
        ends = end_offsets(stack.kafka, TOPICS)
        events = polled(in_flight, ends)
    assert sorted(one["event_id"] for one in events) == ["new", "order#1", "order#2"]
    assert {one["visitor_id"] for one in events} == {shop.visitor}
    user, at = all_sets()["user"], time.time_ns() // 1_000
    added = in_flight.overlay.added(user, (shop.visitor,), beyond=since)
    assert added.events == 3
    found = values(user, added.state, at=at)
    assert (found["views"], found["purchases"]) == (1, 2)
    in_flight.overlay.release(ends)
    assert len(in_flight.overlay) == 0


def test_what_lies_before_the_position_is_known_and_no_event(stack, shop):
    shop("clicks", event_id="before")
    ends = end_offsets(stack.kafka, TOPICS)
    with KafkaTail(stack.kafka, TOPICS) as tail:
        in_flight = InFlight(tail, reader_of(), list(all_sets().values()), since=ends)
        for _ in range(20):
            assert in_flight.poll(timeout_ms=50) == []
    assert len(in_flight.overlay) == 0
    assert dict(in_flight.overlay.reached) == ends
