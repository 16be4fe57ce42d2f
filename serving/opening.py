"""The scorer of a deployment, opened: state, models, policy and both doors, as the settings have them."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import msgspec

from pipelines.connectors.kafka_reader import records_since
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress
from pipelines.contracts.topics import all_topics
from pipelines.contracts.topics.clicks import TOPIC as CLICKS
from pipelines.contracts.topics.decisions import TOPIC as DECISIONS
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
from serving.policy.keeping import keep_budgets
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
    member = f"{socket.gethostname()}-{os.getpid()}"
    store, related = Store(sources.store, _asked()), RelatedProducts(sources.store)
    state = ShopperState(store, Feed(identity.reader, all_sets().values(), since={}))
    live, watcher = open_models(
        sources.mlflow,
        settings=settings.scorer,
        folder=names.champions,
        deliver=asyncio.get_running_loop().call_soon_threadsafe,
    )
    scorer = LiveScorer(state, live, policies, related, name=member, keep=settings.scorer.explained_decisions)
    outside = _outside(settings, sources, member)
    async with AsyncExitStack() as opened:
        related.start()
        opened.push_async_callback(asyncio.to_thread, related.close)
        await asyncio.to_thread(store.start, wait_seconds=_FIRST_READ_SECONDS)
        opened.push_async_callback(asyncio.to_thread, store.close)
        watcher.start()
        opened.push_async_callback(asyncio.to_thread, watcher.stop)
        budgets = asyncio.create_task(_budgets(policies, state.feed, settings, sources))
        opened.callback(budgets.cancel)
        yield await opened.enter_async_context(
            open_doors(_inside(scorer, state, store, identity), outside, Meters())
        )


def _inside(scorer: LiveScorer, state: ShopperState, store: Store, identity: Identity) -> Inside:
    return Inside(
        scorer=scorer,
        feed=state.feed,
        store_positions=state.positions,
        problems=all_problems(),
        sets=all_sets(),
        identity=identity,
        unready=lambda: {} if store.is_ready else {"postgres": "the online store does not answer"},
    )


async def _budgets(policies: Policies, feed: Feed, settings: Settings, sources: Sources) -> None:
    """Keep this replica to its share of the budgets: that of the partitions which it follows."""

    def read_day(mine: frozenset[int], since: int) -> Iterator[bytes]:
        records = records_since(sources.kafka, DECISIONS.name, mine, since=since)
        return (one.value for one in records if one.value is not None)

    await keep_budgets(
        policies,
        owned=lambda: frozenset(number for topic, number in feed.places if topic == CLICKS.name),
        partitions=settings.kafka.partitions,
        read_day=read_day,
    )


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
