"""`clicklake score`: decide, over HTTP and as events come through Kafka."""

import os

import click
import msgspec
from rich.console import Console

from jobs.cli.main import Invocation
from pipelines.connectors.kafka import ensure_topics, planned_topics
from pipelines.connectors.names import Names
from pipelines.connectors.roles import address_of
from pipelines.runtime.embedded import endpoints
from pipelines.runtime.embedded.passwords import role_passwords
from pipelines.runtime.embedded.state import write_private
from pipelines.runtime.logs import configure_logs
from serving.opening import Sources, scorer_app
from serving.server import listen, serve, url_of

_ROLE = "scorer"


@click.command()
@click.pass_obj
def command(invocation: Invocation) -> None:
    """Answer POST /v1/decisions, and decide what Kafka's events ask for, until Ctrl-C."""
    settings = invocation.settings()
    configure_logs(settings.log)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    services = endpoints(settings, names=names)
    owner = services.postgres.address()
    store = address_of(owner, role=_ROLE, password=role_passwords(settings.postgres, names)[_ROLE])
    app = scorer_app(settings, Sources(services.kafka, store, services.mlflow), names)
    kafka = settings.kafka
    ensure_topics(
        services.kafka,
        planned_topics(),
        partitions=kafka.partitions,
        max_message_bytes=kafka.max_message_bytes,
    )
    wanted = settings.scorer.http.port
    bound = listen(host=settings.scorer.http.host, port=wanted)
    url = url_of(bound)
    state = names.var_dir / "run" / "score.json"
    write_private(state, msgspec.json.encode({"url": url, "pid": os.getpid()}))
    _say(url, held=bound.getsockname()[1] != wanted, wanted=wanted)
    try:
        serve(app, bound=bound)
    finally:
        state.unlink(missing_ok=True)


def _say(url: str, *, held: bool, wanted: int) -> None:
    console = Console(stderr=True, highlight=False)
    if held:
        console.print(f"Port {wanted} (scorer.http.port) is held by another program; a free one is used.")
    console.print(f"Decisions: POST {url}v1/decisions   OpenAPI: {url}openapi.json", soft_wrap=True)
