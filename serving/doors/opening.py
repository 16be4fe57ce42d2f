"""Both doors of one scorer, opened in the running loop and closed in order."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pipelines.contracts.positions import Vector
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.problems.problem import Problem
from serving.doors.clients import CLIENTS
from serving.doors.clients.interface import Membership
from serving.doors.http.answering import HttpDoor
from serving.doors.identity import Identity
from serving.doors.log import DecisionLog
from serving.doors.meters import Meters
from serving.doors.stream.door import KafkaDoor
from serving.scoring.asked import Feed, Scorer

_CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class Inside:
    """What decides. `store_positions`: the store's, as last read. `unready`: what is missing, by part."""

    scorer: Scorer
    feed: Feed
    store_positions: Callable[[], Vector | None]
    problems: Mapping[str, Problem]
    sets: Mapping[str, FeatureSet]
    identity: Identity
    unready: Callable[[], Mapping[str, str]]


@dataclass(frozen=True)
class Outside:
    """Where and how. `client`: a word of `CLIENTS`. `topics` have as many partitions each."""

    membership: Membership
    client: str
    topics: Sequence[str]
    max_message_bytes: int
    waiting_decisions: int
    valid_seconds: float


@asynccontextmanager
async def open_doors(inside: Inside, outside: Outside, meters: Meters) -> AsyncIterator[HttpDoor]:
    """Join Kafka's group, and give the door that answers callers; neither needs Kafka to be there yet.

    On leaving, positions are committed as far as decisions are written, and what waits is given 5 s.
    """
    client = CLIENTS[outside.client]
    log = DecisionLog(
        client.writer,
        outside.membership.bootstrap,
        loop=asyncio.get_running_loop(),
        meters=meters,
        max_message_bytes=outside.max_message_bytes,
        most_waiting=outside.waiting_decisions,
    )
    stream = KafkaDoor(
        scorer=inside.scorer,
        feed=inside.feed,
        store_positions=inside.store_positions,
        log=log,
        problems=inside.problems.values(),
        identity=inside.identity,
        meters=meters,
    )
    stream.start(client.reader, outside.membership, outside.topics)
    try:
        yield HttpDoor(
            scorer=inside.scorer,
            log=log,
            problems=inside.problems,
            sets=inside.sets,
            identity=inside.identity,
            meters=meters,
            unready=lambda: _unready(inside, stream),
            valid_seconds=outside.valid_seconds,
        )
    finally:
        await stream.stop()
        await log.close(seconds=_CLOSE_SECONDS)


def _unready(inside: Inside, stream: KafkaDoor) -> dict[str, str]:
    problem = stream.problem()
    return {**inside.unready(), **({} if problem is None else {"kafka": problem})}
