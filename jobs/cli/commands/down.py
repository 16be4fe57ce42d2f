"""`clicklake down`."""

import click
from rich.console import Console

from jobs.cli.main import Invocation
from jobs.cli.services import shown_progress
from pipelines.connectors.names import Names
from pipelines.runtime import embedded


@click.command(help="Stop the services that `clicklake up` started. Their data stays.")
@click.pass_obj
def command(invocation: Invocation) -> None:
    """Stop the embedded services, whichever shell started them."""
    settings = invocation.settings()
    console = Console()
    with shown_progress(console) as progress:
        ran = embedded.down(
            settings, names=Names.of(var_dir=settings.var_dir, lake=settings.lake), progress=progress
        )
    if not ran:
        console.print("Nothing was running.")
