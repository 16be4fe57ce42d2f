"""`clicklake serve`: the browser's door, the live page and the dashboards."""

import os
from collections.abc import Sequence
from importlib.metadata import version

import click
import msgspec
from rich.console import Console
from starlette.applications import Starlette

from jobs.cli.main import Invocation
from pipelines.connectors.kafka import ensure_topics, planned_topics
from pipelines.connectors.names import Names
from pipelines.connectors.roles import DASHBOARD, address_of
from pipelines.runtime.embedded import Endpoints, endpoints
from pipelines.runtime.embedded.passwords import role_passwords
from pipelines.runtime.embedded.state import write_private
from pipelines.runtime.embedded.versions import service_versions
from pipelines.runtime.logs import configure_logs
from pipelines.settings import Settings
from serving.api import create_app
from serving.collector import Limits
from serving.console.snapshot import Service
from serving.server import listen, serve, url_of


@click.command()
@click.pass_obj
def command(invocation: Invocation) -> None:
    """Serve POST /v1/events, its browser script and the live page, until Ctrl-C."""
    settings = invocation.settings()
    configure_logs(settings.log)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    services = endpoints(settings, names=names)
    kafka = settings.kafka
    ensure_topics(
        services.kafka,
        planned_topics(),
        partitions=kafka.partitions,
        max_message_bytes=kafka.max_message_bytes,
    )
    bound = listen(host=settings.http.host, port=settings.http.port)
    url = url_of(bound)
    state = names.var_dir / "run" / "serve.json"
    write_private(state, msgspec.json.encode({"url": url, "pid": os.getpid()}))
    _say(url, held=bound.getsockname()[1] != settings.http.port, wanted=settings.http.port)
    try:
        serve(_app(settings, services, names), bound=bound)
    finally:
        state.unlink(missing_ok=True)


def _app(settings: Settings, services: Endpoints, names: Names) -> Starlette:
    http = settings.http
    owner = services.postgres.address()
    password = role_passwords(settings.postgres, names)[DASHBOARD]
    return create_app(
        bootstrap=services.kafka,
        postgres=owner,
        dashboards=address_of(owner, role=DASHBOARD, password=password),
        limits=Limits(
            max_body_bytes=http.max_body_bytes,
            max_batch_events=http.max_batch_events,
            events_per_second_per_client=http.events_per_second_per_client,
        ),
        cors_origins=http.cors_origins,
        services=lambda: _services(services),
    )


def _services(services: Endpoints) -> Sequence[Service]:
    found = service_versions(services)
    return [
        Service("Kafka", found["kafka"]),
        Service("PostgreSQL", found["postgres"]),
        Service("MLflow", found["mlflow"], services.mlflow),
        Service("Spark", version("pyspark")),
        Service("Delta Lake", version("delta-spark")),
    ]


def _say(url: str, *, held: bool, wanted: int) -> None:
    console = Console(stderr=True, highlight=False)
    if held:
        console.print(f"Port {wanted} (http.port) is held by another program; a free one is used.")
    console.print(f"Live page: {url}   Events: POST {url}v1/events", soft_wrap=True)
