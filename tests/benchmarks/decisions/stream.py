"""Events at a steady rate, and how long after each the decision that it asks for can be read."""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition

_EVERY = 20
"""One event in so many asks: 5 %."""


def _event(number: int, visitor: str) -> dict[str, Any]:
    asks = number % _EVERY == 0
    return {
        "event_id": f"bench-{number}-{time.time_ns()}",
        "event_type": "checkout_start" if asks else "page_view",
        "occurred_at": datetime.now(UTC).isoformat(),
        "visitor_id": visitor,
        "session_id": f"s-{visitor}",
    }


class Decided:
    """Notes when each decision of this run can be read, in a thread of its own."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        quick = {"fetch.wait.max.ms": 1, "enable.auto.commit": False}
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench", **quick})
        places = [TopicPartition("decisions", number) for number in range(partitions)]
        ends = [self._consumer.get_watermark_offsets(one)[1] for one in places]
        self._consumer.assign(
            [TopicPartition(one.topic, one.partition, end) for one, end in zip(places, ends, strict=True)]
        )
        self.read_at: dict[str, float] = {}
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._ends.set()
        self._thread.join()
        self._consumer.close()

    def _read(self) -> None:
        while not self._ends.is_set():
            for message in self._consumer.consume(100, 0.05):
                value = message.value()
                if message.error() is None and value is not None:
                    self.read_at.setdefault(json.loads(value).get("about_event", ""), time.perf_counter())


def _due(rate: float, seconds: float) -> Iterator[int]:
    began = time.perf_counter()
    for number in itertools.count():
        ahead = began + number / rate - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
        if time.perf_counter() - began > seconds:
            return
        yield number


def event_figures(
    bootstrap: str, visitors: list[str], *, partitions: int, rate: float, seconds: float
) -> dict[str, float]:
    """From an event's sending to the reading of its decision, in ms; and the rate that was kept."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "partitioner": "murmur2_random"})
    decided, sent_at, count = Decided(bootstrap, partitions), dict[str, float](), 0
    began = time.perf_counter()
    for count in _due(rate, seconds):
        event = _event(count, visitors[count % len(visitors)])
        if event["event_type"] == "checkout_start":
            sent_at[event["event_id"]] = time.perf_counter()
        producer.produce("clicks", json.dumps(event).encode(), key=event["visitor_id"].encode())
        producer.poll(0)
    took = time.perf_counter() - began
    producer.flush(10)
    time.sleep(2)
    decided.close()
    found = [decided.read_at[one] - at for one, at in sent_at.items() if one in decided.read_at]
    p50, p99 = np.percentile(np.array(found) * 1_000, [50, 99])
    return {
        "event_p50_ms": round(float(p50), 2),
        "event_p99_ms": round(float(p99), 2),
        "event_rate": round(count / took, 1),
        "events_undecided": len(sent_at) - len(found),
    }
