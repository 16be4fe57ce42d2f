"""Keeps a replica to its share of the budgets, whichever partitions it has, also after a restart."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import msgspec
import structlog

from pipelines.errors import ServiceError
from serving.policy.policies import Acted, Policies

_LOOK_SECONDS = 1.0
_UNLOGGED_MICROS = 60_000_000
"""Decisions may be on their way to the log for as long."""
DAY_MICROS = 86_400_000_000
_log = structlog.get_logger(__name__)

ReadDay = Callable[[frozenset[int], int], Iterable[bytes]]
"""Records of `decisions` of some partitions, made since a moment, UTC microseconds. Blocks."""


class _Record(msgspec.Struct):
    event_id: str
    occurred_at: datetime
    problem: str
    action: str
    probability: float | None = None


async def keep_budgets(
    policies: Policies, *, owned: Callable[[], frozenset[int]], partitions: int, read_day: ReadDay
) -> None:
    """Whenever the partitions `owned` change: the share of `partitions`, and what the day's decisions spent.

    Runs in the loop until it is cancelled; only `read_day` runs in another thread. While the log cannot be
    read it is tried again, and what is known counts on.
    """
    known: frozenset[int] | None = None
    while policies.have_budgets:
        mine = owned()
        if mine != known:
            policies.own(len(mine) / partitions)
            known = mine if await _restored(policies, mine, read_day) else None
        await asyncio.sleep(_LOOK_SECONDS)


async def _restored(policies: Policies, mine: frozenset[int], read_day: ReadDay) -> bool:
    now = time.time_ns() // 1_000
    midnight = now - now % DAY_MICROS
    try:
        rows = await asyncio.to_thread(lambda: list(acted(read_day(mine, midnight), since=midnight)))
    except ServiceError as error:
        _log.warning("budgets_not_restored", why=str(error))
        return False
    policies.restore(rows, since=now - _UNLOGGED_MICROS)
    _log.info("budgets_restored", decisions=len(rows), partitions=len(mine))
    return True


def acted(values: Iterable[bytes], *, since: int) -> Iterator[Acted]:
    """The decisions in records of the topic, of those made at `since`, UTC microseconds, or later."""
    for value in values:
        one = msgspec.json.decode(value, type=_Record)
        at = round(one.occurred_at.timestamp() * 1_000_000)
        if at >= since:
            yield Acted(one.event_id, one.problem, one.action, one.probability, at)
