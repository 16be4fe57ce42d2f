"""`clicklake trace order ID`: from the figure on a dashboard down to the bytes that were sent."""

import json

import click

from jobs.cli.main import Invocation
from jobs.cli.order_trace import lines_of, plain
from pipelines.connectors.names import Names
from pipelines.runtime.embedded import postgres_endpoint
from pipelines.runtime.tracing import trace_order


@click.group()
def command() -> None:
    """Follow a figure back to the records it was made from."""


@command.command()
@click.argument("order_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def order(invocation: Invocation, order_id: str, as_json: bool) -> None:
    """Show an order's credit in Postgres, its rows in silver, and their records in bronze."""
    settings = invocation.settings()
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    found = trace_order(order_id, names, postgres=lambda: postgres_endpoint(settings, names=names).address())
    if as_json:
        click.echo(json.dumps(plain(found.as_data())))
        return
    for line in lines_of(found):
        click.echo(line)
