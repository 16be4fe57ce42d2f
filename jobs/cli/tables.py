"""Rows of texts as a table for people."""

from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_WIDE = 250
"""Characters of a line that goes into a file or a pipe."""


def show_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the rows, which all have the columns of the first, in columns."""
    table = Table(box=None, header_style="bold")
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row.values()))
    console = Console(highlight=False)
    console.width = console.width if console.is_terminal else _WIDE
    console.print(table)


def show_markdown(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the rows as a table of Markdown."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    click.echo("\n".join(f"| {' | '.join(map(str, line))} |" for line in lines))
