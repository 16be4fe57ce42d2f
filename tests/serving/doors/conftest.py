"""The HTTP door with a scorer that counts, and a Kafka that is not there."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, asynccontextmanager

import pytest
from starlette.testclient import TestClient

from pipelines.gold.features.sets import all_sets
from pipelines.gold.problems import all_problems
from pipelines.silver.reading import RecordReader
from serving.doors.clients import CLIENTS
from serving.doors.http.admission import Limits
from serving.doors.http.answering import HttpDoor
from serving.doors.http.app import ScorerApp
from serving.doors.identity import Identity
from serving.doors.log import DecisionLog
from serving.doors.meters import Meters
from tests.serving.doors.parts import CountingScorer, unchanged

LIMITS = {"max_body_bytes": 100_000, "max_batch": 50, "body_seconds": 5, "decisions_per_second": 1e6}


class Door:
    """The application, its scorer and its log."""

    def __init__(self, *, identity=None, unready=dict, most_waiting=1_000, **limits):
        reader = RecordReader({}, unchanged)
        self.scorer = CountingScorer()
        self.identity = identity or Identity(None, reader, reader)
        self.unready, self.most_waiting = unready, most_waiting
        self.app = ScorerApp(self.lifespan, limits=Limits(**LIMITS | limits))

    @asynccontextmanager
    async def lifespan(self):
        self.meters = Meters()
        self.log = DecisionLog(
            CLIENTS["confluent"].writer,
            "127.0.0.1:1",
            loop=asyncio.get_running_loop(),
            meters=self.meters,
            max_message_bytes=1_000_000,
            most_waiting=self.most_waiting,
        )
        yield HttpDoor(
            scorer=self.scorer,
            log=self.log,
            problems=all_problems(),
            sets=all_sets(),
            identity=self.identity,
            meters=self.meters,
            unready=self.unready,
            valid_seconds=60,
        )
        await self.log.close(seconds=0.05)


class Client(TestClient):
    """A client of a door of its own."""

    def __init__(self, door: Door):
        super().__init__(door.app)
        self.door = door

    def ask(self, **changes):
        question = {"problem": "checkout_purchase", "visitor_id": "v1", "session_id": "s1"} | changes
        return self.post("/v1/decisions", json=question)


@pytest.fixture
def client_of() -> Iterator[Callable[..., Client]]:
    with ExitStack() as running:
        yield lambda **given: running.enter_context(Client(Door(**given)))


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Client(Door()) as made:
        yield made
