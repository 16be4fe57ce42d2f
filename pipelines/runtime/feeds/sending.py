"""Sends deliveries to Kafka, whose topics it makes where they are missing."""

from collections.abc import Callable, Iterable
from threading import Event

from pipelines.connectors.kafka import Producer, ensure_topics, planned_topics
from pipelines.contracts.delivery import Delivery
from pipelines.runtime.feeds.feed import FeedReport, feed
from pipelines.settings.tree import Kafka


def send_to_kafka(
    deliveries: Iterable[Delivery],
    bootstrap: str,
    kafka: Kafka,
    *,
    speed: float | None,
    stop: Event,
    progress: Callable[[FeedReport], None] | None = None,
) -> FeedReport:
    """Send all at their pace (`speed` null: at once). A broker lost on the way is told in the report.

    Raises `ServiceError` when it is not there to begin with.
    """
    limit = kafka.max_message_bytes
    ensure_topics(bootstrap, planned_topics(), partitions=kafka.partitions, max_message_bytes=limit)
    with Producer(bootstrap, max_message_bytes=limit) as producer:
        return feed(deliveries, producer, speed=speed, stop=stop, progress=progress)
