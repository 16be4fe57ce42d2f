"""`clicklake sql "..."`: questions to the lake's tables, answered by DuckDB without Spark."""

import json

import click

from jobs.cli.main import Invocation
from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import Names
from pipelines.contracts.views import all_views


@click.command()
@click.argument("statement", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
@click.option("--rows", "limit", default=100, show_default=True, help="Rows shown.")
@click.pass_obj
def command(invocation: Invocation, statement: str | None, as_json: bool, limit: int) -> None:
    """Query all tables, such as "select event_type, count(*) from silver.events group by 1".

    Without a statement, list the tables and views.
    """
    settings = invocation.settings()
    reader = LakeReader(Names.of(var_dir=settings.var_dir, lake=settings.lake))
    if statement is None:
        for table in reader.tables:
            (count,) = reader.rows(f"select count(*) as n from {table}")  # noqa: S608 - a table's own name
            click.echo(f"{table:24} {count['n']:>12} rows")
        for view in reader.views:
            click.echo(f"{view:24} {all_views()[view].grain}")
        return
    if as_json:
        for row in reader.rows(statement):
            click.echo(json.dumps(row, default=_plain))
        return
    relation = reader.query(statement)
    if relation is not None:
        click.echo(relation.limit(limit).__str__().rstrip())


def _plain(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
