"""Kafka for asyncio: one kafka-python producer in a thread of its own, acknowledged by all replicas.

A record is either acknowledged by the broker or the caller is told within `timeout_seconds` that it
is not known to be: nothing is queued beyond that. A lost broker is found again without a restart.
"""

import asyncio
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaError

from serving.incoming import Accepted

_log = structlog.get_logger(__name__)
_RETRY_CONNECT_SECONDS = 1.0
_MARGIN_SECONDS = 0.5


class BrokerAway(Exception):  # noqa: N818 - becomes an answer to the client
    """The records were not acknowledged in time. Some of them may still have been written."""


@dataclass(frozen=True)
class _Delivery:
    """Records on their way, and the loop that waits for them."""

    records: Sequence[Accepted]
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[None]"

    def settle(self, problem: str | None) -> None:
        """Tell the waiting side; it may have gone meanwhile."""
        try:
            self.loop.call_soon_threadsafe(self._settle_here, problem)
        except RuntimeError:
            _log.debug("delivery_settled_after_shutdown", problem=problem)

    def _settle_here(self, problem: str | None) -> None:
        if self.done.done():
            return
        if problem is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(BrokerAway(problem))


class EventProducer:
    """Sends batches to one topic. Make it inside a running loop or not; `close` ends its thread."""

    def __init__(
        self,
        *,
        bootstrap: str,
        topic: str,
        timeout_seconds: float = 4.0,
        max_bytes_under_way: int = 64 * 1024 * 1024,
    ) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._timeout = timeout_seconds
        self._max_bytes = max_bytes_under_way
        self._bytes_under_way = 0
        self._deliveries: queue.SimpleQueue[_Delivery | None] = queue.SimpleQueue()
        self._producer: KafkaProducer | None = None
        self._suspect = threading.Event()
        self._thread = threading.Thread(target=self._run, name="event-producer", daemon=True)
        self._thread.start()

    async def send(self, records: Sequence[Accepted]) -> None:
        """Return when the broker has acknowledged every record. Raises `BrokerAway` within the limit."""
        size = sum(len(record.key) + len(record.value) for record in records)
        if self._bytes_under_way + size > self._max_bytes:
            raise BrokerAway("too much is already waiting for the broker")
        loop = asyncio.get_running_loop()
        delivery = _Delivery(records, loop, loop.create_future())
        self._bytes_under_way += size
        try:
            self._deliveries.put(delivery)
            async with asyncio.timeout(self._timeout):
                await delivery.done
        except TimeoutError:
            raise BrokerAway(f"no acknowledgement within {self._timeout:g} s") from None
        finally:
            self._bytes_under_way -= size

    def close(self) -> None:
        """End the thread and the connection; what is under way is given its time."""
        self._deliveries.put(None)
        self._thread.join(self._timeout + 1)

    def _run(self) -> None:
        while (delivery := self._deliveries.get()) is not None:
            if delivery.done.done():
                continue
            try:
                self._hand_over(delivery)
            except (KafkaError, OSError, ValueError, AssertionError) as error:
                delivery.settle(f"{type(error).__name__}: {error}")
                self._suspect.set()
        self._forget_producer()

    def _hand_over(self, delivery: _Delivery) -> None:
        producer = self._connected()
        tally = _Tally(delivery, self._suspect)
        for record in delivery.records:
            future = producer.send(self._topic, key=record.key, value=record.value)
            future.add_callback(tally.acknowledged)
            future.add_errback(tally.failed)

    def _connected(self) -> KafkaProducer:
        # An idempotent producer can be left unusable by records that ran out of time: start afresh.
        if self._suspect.is_set():
            self._forget_producer()
            self._suspect.clear()
        if self._producer is None:
            milliseconds = int((self._timeout - _MARGIN_SECONDS) * 1000)
            self._producer = KafkaProducer(
                bootstrap_servers=self._bootstrap.split(","),
                client_id="clicklake-door",
                acks="all",
                compression_type="lz4",
                allow_auto_create_topics=False,
                max_block_ms=int(_RETRY_CONNECT_SECONDS * 1000),
                bootstrap_timeout_ms=int(_RETRY_CONNECT_SECONDS * 1000),
                request_timeout_ms=milliseconds // 2,
                delivery_timeout_ms=milliseconds,
                reconnect_backoff_max_ms=1000,
            )
        return self._producer

    def _forget_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=_MARGIN_SECONDS)


class _Tally:
    """Counts the acknowledgements of one delivery; called from the client's own thread."""

    def __init__(self, delivery: _Delivery, suspect: threading.Event) -> None:
        self._delivery = delivery
        self._suspect = suspect
        self._open = len(delivery.records)

    def acknowledged(self, _metadata: Any) -> None:
        self._open -= 1
        if self._open == 0:
            self._delivery.settle(None)

    def failed(self, error: BaseException) -> None:
        self._suspect.set()
        self._delivery.settle(f"{type(error).__name__}: {error}")
