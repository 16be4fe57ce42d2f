"""The scorer of a deployment, opened: state, models, policy and both doors, as the settings have them."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import msgspec

from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress
from pipelines.contracts.topics import all_topics
from pipelines.gold.features.event import TABLES
from pipelines.gold.features.sets import all_sets
from pipelines.gold.problems import all_problems
from pipelines.runtime.features.feed import Feed
from pipelines.runtime.reading import record_reader
from pipelines.settings import Settings
from pipelines.settings.enrichment import enrichment_of
from serving.doors.clients.interface import Membership
from serving.doors.http.admission import Limits
from serving.doors.http.answering import HttpDoor
from serving.doors.http.app import ScorerApp
from serving.doors.identity import Identity
from serving.doors.meters import Meters
from serving.doors.opening import Inside, Outside, open_doors
from serving.models.opening import open_models
from serving.policy import Policies
from serving.related import RelatedProducts
from serving.scoring.scorer import LiveScorer
from serving.state.shopper import ShopperState
from serving.state.store import Named, Store

_FIRST_READ_SECONDS = 5.0


@dataclass(frozen=True)
class Sources:
    """Where the services answer: Kafka's bootstrap list, the store as the role `scorer` reads it, MLflow."""

    kafka: str
    store: PostgresAddress
    mlflow: str


def scorer_app(settings: Settings, sources: Sources, names: Names) -> ScorerApp:
    """The ASGI application of one replica. None of the services has to be there when it starts.

    Raises `SettingsError` for settings that no scorer could keep to.
    """
    policies = Policies(all_problems(), settings.scorer)
    identity = _identity(settings)
    http = settings.scorer.http

    def lifespan() -> AbstractAsyncContextManager[HttpDoor]:
        return _opened(settings, sources, names, policies, identity)

    limits = Limits(
        max_body_bytes=http.max_body_bytes,
        max_batch=http.max_batch,
        body_seconds=http.body_seconds,
        decisions_per_second=http.decisions_per_second_per_caller,
        api_keys=tuple(key.reveal().strip() for key in http.api_keys or ()),
    )
    return ScorerApp(lifespan, limits=limits)


@asynccontextmanager
async def _opened(
    settings: Settings, sources: Sources, names: Names, policies: Policies, identity: Identity
) -> AsyncIterator[HttpDoor]:
    problems, sets, member = all_problems(), all_sets(), f"{socket.gethostname()}-{os.getpid()}"
    store = Store(sources.store, _asked())
    state = ShopperState(store, Feed(identity.reader, sets.values(), since={}))
    related = RelatedProducts(sources.store)
    live, watcher = open_models(
        sources.mlflow,
        settings=settings.scorer,
        folder=names.champions,
        deliver=asyncio.get_running_loop().call_soon_threadsafe,
    )
    scorer = LiveScorer(state, live, policies, related, name=member, keep=settings.scorer.explained_decisions)
    inside = Inside(
        scorer=scorer,
        feed=state.feed,
        store_positions=state.positions,
        problems=problems,
        sets=sets,
        identity=identity,
        unready=lambda: {} if store.is_ready else {"postgres": "the online store does not answer"},
    )
    related.start()
    await asyncio.to_thread(store.start, wait_seconds=_FIRST_READ_SECONDS)
    watcher.start()
    try:
        async with open_doors(inside, _outside(settings, sources, member), Meters()) as door:
            yield door
    finally:
        await asyncio.to_thread(watcher.stop)
        await asyncio.to_thread(store.close)
        await asyncio.to_thread(related.close)


def _asked() -> Sequence[Named]:
    """The sets of each problem, and of each sort of entity that features are shown of."""
    by_entity: dict[str, list[str]] = {}
    for name, one in all_sets().items():
        by_entity.setdefault(one.entity.name, []).append(name)
    return [*(one.sets for one in all_problems().values()), *map(tuple, by_entity.values())]


def _outside(settings: Settings, sources: Sources, member: str) -> Outside:
    kafka = settings.scorer.kafka
    topics = [topic.name for topic in all_topics().values() if topic.table in TABLES]
    return Outside(
        membership=Membership(sources.kafka, kafka.group, member, kafka.session_seconds),
        client=kafka.client,
        topics=[*topics, *(one.topic for one in settings.bindings)],
        max_message_bytes=settings.kafka.max_message_bytes,
        waiting_decisions=kafka.waiting_decisions,
        valid_seconds=settings.scorer.http.valid_seconds,
    )


def _identity(settings: Settings) -> Identity:
    reader = record_reader(settings)
    pseudonyms = enrichment_of(settings).pseudonyms
    privacy = msgspec.structs.replace(settings.privacy, key=None)
    plain = record_reader(msgspec.structs.replace(settings, privacy=privacy))
    return Identity(pseudonyms, reader, plain)
