"""The way from an event to its deliveries: punctual, late, twice, and broken copies on the side."""

import heapq
import math
from collections.abc import Callable, Iterator
from random import Random

from pipelines.contracts.delivery import Delivery, Fate
from pipelines.simulator.config import MICROS_PER_MS, ShopConfig
from pipelines.simulator.faults import broken_copy
from pipelines.simulator.truth import RecordTruth, TruthRow
from pipelines.simulator.wire import Record, encode_as_avro, encode_json

_LATE_MS = (1_000, 20_000, 300_000)
_AGAIN_MS = (200, 10_000, 600_000)
"""Delays: least, mean beyond the least, most."""


class ShopClosed(Exception):  # noqa: N818 - how a visit learns that the last record has been produced
    """`max_records` is reached."""


class Post:
    """Turns records into deliveries. `produced` counts those of clicks and orders, also pending ones."""

    def __init__(self, config: ShopConfig, rng: Random, on_truth: Callable[[TruthRow], None]) -> None:
        first = 1 - config.duplicate_share - config.broken_share
        self._late = config.late_share / first
        self._again = config.duplicate_share / first
        self._extra = (config.duplicate_share + config.broken_share) / first
        self._avro = config.avro_share
        self._limit = math.inf if config.max_records is None else config.max_records
        self._start_ms = config.start_ms
        self._rng = rng
        self._random = rng.random
        self._on_truth = on_truth
        self._pending: list[tuple[int, int, Delivery]] = []
        self._queued = 0
        self.outbox: list[Delivery] = []
        self.produced = 0

    def send(self, topic: str, visitor_id: str, record: Record, *, now_ms: int) -> None:
        """Deliver an event of clicks or orders that happens now. Raises `ShopClosed`."""
        if self.produced >= self._limit:
            raise ShopClosed
        value = self._encode(record, topic, now_ms)
        key = visitor_id.encode()
        late = self._random() < self._late
        send_ms = now_ms + self._delay(_LATE_MS) if late else now_ms
        genuine = Delivery(self._since(send_ms), topic, key, value, (), "late" if late else "ok")
        if late:
            self._queue(send_ms, genuine, record)
        else:
            self.outbox.append(genuine)
        self.produced += 1
        chance = self._random()
        if chance < self._extra and self.produced < self._limit:
            self.produced += 1
            if chance < self._again:
                again_ms = send_ms + self._delay(_AGAIN_MS)
                self._queue(again_ms, _as(genuine, "duplicate", self._since(again_ms)), record)
            else:
                self._send_broken(topic, key, record, now_ms)

    def send_dimension(self, topic: str, key: str, record: Record, *, now_ms: int) -> None:
        """Deliver a version of a user, product or offer; always whole, punctual and once."""
        value = encode_json(record)
        since = max(self._since(now_ms), 0)
        self.outbox.append(Delivery(since, topic, key.encode(), value, (), "ok"))

    def due(self, until_ms: int) -> Iterator[Delivery]:
        """The pending deliveries up to that moment, in order."""
        while self._pending and self._pending[0][0] <= until_ms:
            yield heapq.heappop(self._pending)[2]

    def rest(self, at_ms: int) -> Iterator[Delivery]:
        """All that is still pending, sent at once: a run loses no event at its end."""
        while self._pending:
            yield heapq.heappop(self._pending)[2]._replace(send_at=self._since(at_ms))

    def _encode(self, record: Record, topic: str, now_ms: int) -> bytes:
        if self._avro and self._random() < self._avro:
            return encode_as_avro(record, topic, occurred_ms=now_ms)
        return encode_json(record)

    def _send_broken(self, topic: str, key: bytes, record: Record, now_ms: int) -> None:
        copy = {**record, "event_id": f"b{self._rng.getrandbits(64):016x}"}
        del copy["sequence"]
        broken = broken_copy(copy, topic, self._random())
        since = self._since(now_ms)
        self.outbox.append(Delivery(since, topic, key, broken.value, broken.headers, "broken", broken.reason))
        self._on_truth(RecordTruth(topic, key.decode(), copy["event_id"], "broken", broken.reason, since))

    def _queue(self, send_ms: int, delivery: Delivery, record: Record) -> None:
        self._queued += 1
        heapq.heappush(self._pending, (send_ms, self._queued, delivery))
        fate = str(delivery.fate)
        key = str(record["visitor_id"])
        self._on_truth(RecordTruth(delivery.topic, key, record["event_id"], fate, None, delivery.send_at))

    def _delay(self, delays: tuple[int, int, int]) -> int:
        least, mean, most = delays
        return min(least + int(-mean * math.log(1 - self._random())), most)

    def _since(self, ms: int) -> int:
        return (ms - self._start_ms) * MICROS_PER_MS


def _as(delivery: Delivery, fate: Fate, send_at: int) -> Delivery:
    return delivery._replace(fate=fate, send_at=send_at)
