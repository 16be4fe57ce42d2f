"""Disturbs a feed on purpose: late, duplicate and broken records in set shares, by a seed."""

import heapq
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

import msgspec

from pipelines.contracts.delivery import Delivery, Fate
from pipelines.errors import SettingsError
from pipelines.simulator.faults import broken_copy

_LATE_MICROS = (1_000_000, 20_000_000, 300_000_000)
_AGAIN_MICROS = (200_000, 10_000_000, 600_000_000)
"""Delays on the data's own clock: least, mean beyond the least, most."""
_BREAKABLE = ("clicks", "orders")


@dataclass(frozen=True)
class Disturbance:
    """Shares of all records sent, each in [0, 1): delayed ones, second copies, broken extra copies."""

    late_share: float
    duplicate_share: float
    broken_share: float
    seed: int

    def check(self) -> None:
        """Raise `SettingsError` when a share is out of range, or nothing genuine would be left."""
        shares = (self.late_share, self.duplicate_share, self.broken_share)
        if any(not 0 <= share < 1 for share in shares) or sum(shares) >= 1:
            raise SettingsError(
                "--late-share, --duplicate-share and --broken-share: each from 0 to below 1, below 1 in all."
            )

    @property
    def any(self) -> bool:
        """Whether anything is disturbed at all."""
        return self.late_share + self.duplicate_share + self.broken_share > 0


def disturbed(deliveries: Iterable[Delivery], disturbance: Disturbance) -> Iterator[Delivery]:
    """The deliveries and their disturbances in the order of `send_at`, the same for the same seed.

    Holds only what is delayed: at most ten minutes of the data.
    """
    random = Random(disturbance.seed)  # noqa: S311 - a reproducible feed, nothing secret
    genuine = 1 - disturbance.duplicate_share - disturbance.broken_share
    late, again, broken = (
        share / genuine
        for share in (disturbance.late_share, disturbance.duplicate_share, disturbance.broken_share)
    )
    waiting: list[tuple[int, int, Delivery]] = []
    for number, delivery in enumerate(deliveries):
        while waiting and waiting[0][0] <= delivery.send_at:
            yield heapq.heappop(waiting)[2]
        sent = delivery
        if random.random() < late:
            sent = _later(delivery, _LATE_MICROS, "late", random)
            heapq.heappush(waiting, (sent.send_at, 2 * number, sent))
        else:
            yield sent
        if random.random() < again:
            copy = _later(sent, _AGAIN_MICROS, "duplicate", random)
            heapq.heappush(waiting, (copy.send_at, 2 * number + 1, copy))
        if random.random() < broken and delivery.topic in _BREAKABLE:
            yield _broken(delivery, random)
    while waiting:
        yield heapq.heappop(waiting)[2]


def _later(delivery: Delivery, delays: tuple[int, int, int], fate: Fate, random: Random) -> Delivery:
    least, mean, most = delays
    delay = min(least + int(-mean * math.log(1 - random.random())), most)
    return delivery._replace(send_at=delivery.send_at + delay, fate=fate)


def _broken(delivery: Delivery, random: Random) -> Delivery:
    """A broken copy with an id of its own, as from a broken client; the genuine record goes out as well."""
    record = msgspec.json.decode(delivery.value or b"{}")
    record["event_id"] = f"b{random.getrandbits(64):016x}"
    broken = broken_copy(record, delivery.topic, random.random())
    return delivery._replace(value=broken.value, headers=broken.headers, fate="broken", reason=broken.reason)
