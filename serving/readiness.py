"""Whether events can be taken: Kafka answers, and has the topic."""

import asyncio
import time

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

_TIMEOUT_MS = 2000
_KEPT_SECONDS = 2.0


class KafkaProbe:
    """Asks the broker, at most once in two seconds however often it is asked itself."""

    def __init__(self, *, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self._problem: str | None = None

    async def problem(self) -> str | None:
        """Why no event can be taken, in a sentence; none when all is well."""
        async with self._lock:
            if time.monotonic() - self._asked_at > _KEPT_SECONDS:
                self._problem = await asyncio.to_thread(self._ask)
                self._asked_at = time.monotonic()
            return self._problem

    def _ask(self) -> str | None:
        try:
            with KafkaAdminClient(
                bootstrap_servers=self._bootstrap.split(","),
                bootstrap_timeout_ms=_TIMEOUT_MS,
                request_timeout_ms=_TIMEOUT_MS,
            ) as admin:
                present = self._topic in set(admin.list_topics())
        except (KafkaError, OSError):
            return "the broker does not answer"
        return None if present else f"the topic {self._topic} does not exist"
