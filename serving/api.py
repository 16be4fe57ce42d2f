"""The one ASGI application: the browser's door, the live page, the dashboards, and its own health."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipelines.connectors.postgres import PostgresAddress
from pipelines.contracts.topics.clicks import TOPIC
from serving.collector import Collector, Limits
from serving.console.feed import LiveFeed
from serving.console.pages import page_routes
from serving.console.snapshot import Service
from serving.dashboards.reader import PanelReader
from serving.dashboards.routes import panel_routes
from serving.event_producer import EventProducer
from serving.readiness import KafkaProbe


def create_app(
    *,
    bootstrap: str,
    postgres: PostgresAddress,
    dashboards: PostgresAddress,
    limits: Limits,
    cors_origins: Sequence[str],
    services: Callable[[], Sequence[Service]] = tuple,
) -> Starlette:
    """The application. Neither Kafka nor Postgres has to be there when it starts.

    `dashboards` is the database as the panels are read: by a role that sees views only.
    `services` tells what runs here. It is asked in a thread, may be slow, and is asked again when it
    raises `ServiceError`.
    """
    producer = EventProducer(bootstrap=bootstrap, topic=TOPIC.name)
    collector = Collector(producer=producer, limits=limits, cors_origins=cors_origins)
    feed = LiveFeed(address=postgres, door=collector.counts, services=services)
    panels = PanelReader(dashboards)
    probe = KafkaProbe(bootstrap=bootstrap, topic=TOPIC.name)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        feed.start()
        try:
            yield
        finally:
            await asyncio.to_thread(feed.stop)
            await asyncio.to_thread(panels.stop)
            await asyncio.to_thread(producer.close)

    async def ready(_request: Request) -> Response:
        problem = await probe.problem()
        if problem is None:
            return JSONResponse({"ready": True})
        return JSONResponse({"ready": False, "kafka": problem}, status_code=503)

    routes = [
        *collector.routes(),
        *page_routes(feed),
        *panel_routes(panels),
        Route("/health", _health),
        Route("/ready", ready),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.end_streams = feed.end_streams
    return app


async def _health(_request: Request) -> Response:
    return JSONResponse({"alive": True})
