"""`clicklake status`."""

import click
from rich.console import Console

from jobs.cli.main import Invocation
from jobs.cli.services import status_table
from pipelines.connectors.names import Names
from pipelines.runtime import embedded


@click.command(help="Show each service: running, stopped or external, where, and since when.")
@click.pass_obj
def command(invocation: Invocation) -> None:
    """One row per service."""
    settings = invocation.settings()
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    Console().print(status_table(embedded.status(settings, names=names)))
