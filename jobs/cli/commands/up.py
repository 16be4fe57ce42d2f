"""`clicklake up`."""

import click
from rich.console import Console

from jobs.cli.main import Invocation
from jobs.cli.services import shown_progress, status_table
from pipelines.connectors.names import Names
from pipelines.runtime import embedded
from pipelines.runtime.doctor import require


@click.command(help="Start Kafka, PostgreSQL and MLflow, and fetch the jars. Harmless when they run.")
@click.pass_obj
def command(invocation: Invocation) -> None:
    """Start what is not running; the services outlive this command."""
    settings = invocation.settings()
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    console = Console()
    require(settings, names=names)
    with shown_progress(console) as progress:
        endpoints = embedded.up(settings, names=names, progress=progress)
    console.print(status_table(embedded.status(settings, names=names)))
    if "postgres" in endpoints.embedded:
        console.print(
            f"Password of {endpoints.postgres.user}: in {names.secrets / 'postgres'}", soft_wrap=True
        )
