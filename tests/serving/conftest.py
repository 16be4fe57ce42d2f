"""The whole web application on a real port, with real Kafka and Postgres behind it; and a browser."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, sync_playwright

from pipelines.connectors.kafka import ensure_topics, planned_topics
from pipelines.connectors.postgres import PostgresAddress
from pipelines.runtime.embedded import Endpoints
from serving.api import create_app
from serving.collector import Limits
from serving.console.snapshot import Service
from serving.server import listen, serving
from tests.serving.watched import Watched

LIMITS = Limits(max_body_bytes=100_000, max_batch_events=100, events_per_second_per_client=10_000)
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]
SERVICES = [Service("Kafka", "4.3.1"), Service("MLflow", "3.17.2", "http://mlflow.example/")]


@pytest.fixture
def web(stack: Endpoints) -> Iterator[Callable[..., str]]:
    """Starts the application on a free port; gives its URL, without a slash at the end."""
    ensure_topics(stack.kafka, planned_topics(), partitions=2, max_message_bytes=8_388_608)
    with ExitStack() as running:

        def start(
            *,
            postgres: PostgresAddress | None = None,
            dashboards: PostgresAddress | None = None,
            origins=("*",),
        ) -> str:
            owner = postgres or stack.postgres.address()
            app = create_app(
                bootstrap=stack.kafka,
                postgres=owner,
                dashboards=dashboards or owner,
                limits=LIMITS,
                cors_origins=origins,
                services=lambda: SERVICES,
            )
            bound = listen(host="127.0.0.1", port=0)
            return running.enter_context(serving(app, bound=bound)).rstrip("/")

        yield start


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for longer: an open browser keeps an event loop running, which other tests would meet.
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("There is no Chromium: on Debian and Ubuntu, apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=BROWSER_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def watched(browser) -> Iterator[Watched]:
    one = Watched(browser)
    yield one
    one.page.context.close()
