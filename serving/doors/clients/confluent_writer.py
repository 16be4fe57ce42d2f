"""Writing by librdkafka, in its own threads."""

import threading
from contextlib import suppress
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from serving.doors.clients.confluent import SILENT
from serving.doors.clients.interface import Outgoing, Settled

_log = structlog.get_logger(__name__)
_BY_KEY = -1
_UNDER_WAY = 2_000
_ACK_SECONDS = 0.1
_RETRIED_MS = 30_000


class ConfluentWriter:
    """An idempotent producer by librdkafka; a thread waits for acknowledgements."""

    def __init__(self, bootstrap: str, *, settled: Settled, max_message_bytes: int) -> None:
        self._settled = settled
        self._config = {
            "bootstrap.servers": bootstrap,
            "client.id": "clicklake-decisions",
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 0.5,
            "message.max.bytes": max_message_bytes,
            "message.timeout.ms": _RETRIED_MS,
            "queue.buffering.max.messages": _UNDER_WAY,
            "reconnect.backoff.max.ms": 1_000,
        }
        self._producer = Producer(self._config, logger=SILENT)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._acknowledge, name="decision-writer", daemon=True)
        self._thread.start()

    def send(self, record: Outgoing, token: Any) -> bool:
        """Take a record without waiting."""
        partition = _BY_KEY if record.partition is None else record.partition

        def told(error: KafkaError | None, _message: Message) -> None:
            self._settled((token,), error is None)

        try:
            self._producer.produce(record.topic, record.value, record.key, partition, told)
        except BufferError:
            return False
        except KafkaException as error:
            self._begin_again(error.args[0])
            return False
        return True

    def close(self, *, seconds: float) -> None:
        """Flush, and end the thread."""
        with suppress(KafkaException):
            self._producer.flush(seconds)
        self._ends.set()
        self._thread.join(1 + _ACK_SECONDS)

    def _begin_again(self, error: KafkaError) -> None:
        """An idempotent producer that cannot tell what was written takes nothing more: make another one.

        What it had is told as given up, and is written by the new one, perhaps a second time.
        """
        _log.warning("decision_not_taken", why=str(error))
        if error.fatal() or error.code() == KafkaError._FATAL:
            with suppress(KafkaException):
                self._producer.purge()
                self._producer.poll(0)
            self._producer = Producer(self._config, logger=SILENT)

    def _acknowledge(self) -> None:
        while not self._ends.is_set():
            self._producer.poll(_ACK_SECONDS)
