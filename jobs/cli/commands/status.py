"""`clicklake status`."""

import sys
from dataclasses import asdict
from datetime import UTC, datetime

import click
import msgspec
import psycopg2
from rich.console import Console

from jobs.cli.main import Invocation
from jobs.cli.queries import Standing, last_errors, queries_table
from jobs.cli.services import status_table
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import connect
from pipelines.errors import ServiceError
from pipelines.runtime import embedded
from pipelines.runtime.streams.streams_file import StreamsFile
from pipelines.runtime.watching.observe_queries import query_states
from pipelines.settings import Settings

_PIPED_WIDTH = 240


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def command(invocation: Invocation, as_json: bool) -> None:
    """Show each service and each streaming query: whether it runs, where, since when, how far behind."""
    settings = invocation.settings()
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    services = embedded.status(settings, names=names)
    queries, note = _queries(settings, names)
    if as_json:
        shown = [{**asdict(one.query), "problem": one.problem} for one in queries]
        driver = StreamsFile(names).running()
        report = {"services": services, "driver": driver, "queries": shown, "queries_note": note}
        click.echo(msgspec.json.encode(report, enc_hook=str))
        return
    # One line a query where no terminal limits the width, so that grep finds all of it.
    console = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH)
    console.print(status_table(services))
    console.print()
    if note is not None:
        console.print(note, markup=False, highlight=False, soft_wrap=True)
        return
    console.print(queries_table(queries))
    for line in last_errors(queries):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _queries(settings: Settings, names: Names) -> tuple[list[Standing], str | None]:
    """Each query as it stands now; or a sentence that says why there is none."""
    try:
        address = embedded.postgres_endpoint(settings, names=names).address()
        with connect(address, application="clicklake-status", read_only=True) as connection, connection:
            now = datetime.now(UTC)
            found = query_states(connection, now=now)
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):
        found = []
    except (ServiceError, psycopg2.Error) as error:
        return [], f"How the queries stand is not known: {' '.join(str(error).split())}"
    if not found:
        return [], "No streaming query has reported yet: `clicklake demo` starts them."
    driver = StreamsFile(names).running()
    return [Standing(query, now, driver) for query in found], None
