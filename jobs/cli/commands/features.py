"""`clicklake features`: the feature sets, and the columns of each."""

from typing import Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.errors import SettingsError
from pipelines.gold.features.describing import columns_of, described, summary
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.sets import all_sets

Rows = list[dict[str, Any]]
_WIDE = 250
"""Characters of a line that goes into a file or a pipe."""


@click.group(invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """What is known of visitors, sessions and products: features, by set. Without a command: the sets."""
    if context.invoked_subcommand is None:
        _list(None, "table")


@command.command("list")
@click.option("--set", "name", help="Only this set, with its columns.")
@click.option(
    "--format",
    "shape",
    type=click.Choice(["table", "json", "markdown"]),
    default="table",
    show_default=True,
    help="JSON has everything, a line a set.",
)
def list_sets(name: str | None, shape: str) -> None:
    """List the sets; of one set also the columns: types, windows, meaning."""
    _list(name, shape)


def _list(name: str | None, shape: str) -> None:
    sets = list(all_sets().values()) if name is None else [_named(name)]
    if shape == "json":
        for one in sets:
            click.echo(msgspec.json.encode(described(one)).decode())
        return
    _show([summary(one) for one in sets], shape)
    if name is not None:
        click.echo()
        _show(columns_of(sets[0]), shape)


def _named(name: str) -> FeatureSet:
    found = all_sets().get(name)
    if found is None:
        raise SettingsError(f"there is no feature set `{name}`; the sets are {', '.join(all_sets())}.")
    return found


def _show(rows: Rows, shape: str) -> None:
    texts = [{name: str(value) for name, value in row.items()} for row in rows]
    if shape == "markdown":
        lines = [list(texts[0]), ["---"] * len(texts[0]), *(list(row.values()) for row in texts)]
        click.echo("\n".join(f"| {' | '.join(line)} |" for line in lines))
        return
    table = Table(box=None, header_style="bold")
    for name in texts[0]:
        table.add_column(name, overflow="fold")
    for row in texts:
        table.add_row(*(escape(text) for text in row.values()))
    console = Console(highlight=False)
    console.width = console.width if console.is_terminal else _WIDE
    console.print(table)
