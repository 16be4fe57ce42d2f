"""Reads what was written to a topic since a moment of the test."""

import time
from typing import Any

import msgspec
from kafka import KafkaConsumer, TopicPartition


class TopicTail:
    """Records of `clicks` written after this object was made."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
        numbers = self._consumer.partitions_for_topic("clicks") or set()
        partitions = [TopicPartition("clicks", number) for number in sorted(numbers)]
        self._consumer.assign(partitions)
        for partition, offset in self._consumer.end_offsets(partitions).items():
            self._consumer.seek(partition, offset)
        self.records: list[Any] = []

    def wait_for(self, count: int, *, seconds: float = 10.0) -> list[dict[str, Any]]:
        """The values of the distinct events so far, once there are at least `count`."""
        deadline = time.monotonic() + seconds
        while len(self._distinct()) < count and time.monotonic() < deadline:
            for batch in self._consumer.poll(timeout_ms=200).values():
                self.records += batch
        return self._distinct()

    def _distinct(self) -> list[dict[str, Any]]:
        """Each event once, by its id: a browser may send one twice."""
        values = [msgspec.json.decode(record.value) for record in self.records]
        return list({value["event_id"]: value for value in values}.values())

    def close(self) -> None:
        """Let the connection go."""
        self._consumer.close()
