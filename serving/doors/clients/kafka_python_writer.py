"""Writing by kafka-python."""

import queue
import threading
from contextlib import suppress
from typing import Any

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaError

from serving.doors.clients.interface import Outgoing, Settled

_log = structlog.get_logger(__name__)
_ANSWER_MS = 5_000
_UNDER_WAY = 2_000
_RETRIED_MS = 30_000
_AGAIN_SECONDS = 1.0
_IDLE_SECONDS = 0.2


class KafkaPythonWriter:
    """An idempotent producer by kafka-python, called from a thread of its own, because it may wait."""

    def __init__(self, bootstrap: str, *, settled: Settled, max_message_bytes: int) -> None:
        self._bootstrap = bootstrap
        self._settled = settled
        self._max_message_bytes = max_message_bytes
        self._waiting: queue.Queue[tuple[Outgoing, Any]] = queue.Queue(_UNDER_WAY)
        self._producer: KafkaProducer | None = None
        self._close_seconds = 0.0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decision-writer", daemon=True)
        self._thread.start()

    def send(self, record: Outgoing, token: Any) -> bool:
        """Take a record without waiting."""
        try:
            self._waiting.put_nowait((record, token))
        except queue.Full:
            return False
        return True

    def close(self, *, seconds: float) -> None:
        """Write what waits, and end the thread."""
        self._close_seconds = seconds
        self._ends.set()
        self._thread.join(seconds + 1)

    def _run(self) -> None:
        while True:
            try:
                record, token = self._waiting.get(timeout=_IDLE_SECONDS)
                self._hand_over(record, token)
            except queue.Empty:
                if self._ends.is_set():
                    break
            except (KafkaError, OSError, ValueError, AssertionError) as error:
                _log.debug("decision_not_taken", why=str(error))
                self._settled((token,), False)
                if self._ends.wait(_AGAIN_SECONDS):
                    break
        if self._producer is not None:
            with suppress(KafkaError):
                self._producer.close(timeout=self._close_seconds)

    def _hand_over(self, record: Outgoing, token: Any) -> None:
        if self._producer is None:
            self._producer = KafkaProducer(
                bootstrap_servers=self._bootstrap,
                bootstrap_timeout_ms=_ANSWER_MS,
                client_id="clicklake-decisions",
                acks="all",
                linger_ms=0,
                compression_type="lz4",
                max_block_ms=_ANSWER_MS,
                max_request_size=self._max_message_bytes,
                request_timeout_ms=_RETRIED_MS // 3,
                delivery_timeout_ms=_RETRIED_MS,
                reconnect_backoff_max_ms=1_000,
            )
        future = self._producer.send(
            record.topic, key=record.key, value=record.value, partition=record.partition
        )
        future.add_callback(lambda _: self._settled((token,), True))
        future.add_errback(lambda _: self._settled((token,), False))
