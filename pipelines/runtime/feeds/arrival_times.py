"""When records would have arrived, told in their headers: for feeds that are quicker than what they tell."""

from collections.abc import Iterable, Iterator

from pipelines.contracts.clock import moment
from pipelines.contracts.delivery import Delivery
from pipelines.contracts.parsing import KNOWN_AT_HEADER


def with_arrivals(deliveries: Iterable[Delivery], *, start: int) -> Iterator[Delivery]:
    """Each with the time at which it is to be sent, `start` (UTC microseconds) being that of 0.

    Hours that are sent within a minute would else have been known within that minute, in an order that
    Kafka's partitions make. A record that has the header already keeps it.
    """
    for one in deliveries:
        if any(name == KNOWN_AT_HEADER for name, _ in one.headers):
            yield one
            continue
        at = moment(start + one.send_at).isoformat(timespec="microseconds")
        yield one._replace(headers=(*one.headers, (KNOWN_AT_HEADER, at.encode())))
