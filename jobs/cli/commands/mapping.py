"""`clicklake mapping`: list, show and check mappings, without Kafka."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jobs.cli.main import Invocation
from pipelines.connectors.mapping import load_mapping, mapping_names, mapping_text, open_files
from pipelines.connectors.names import Names
from pipelines.contracts.fields import REASONS
from pipelines.runtime.feeds.mapping_check import MappingCheck, check_mapping
from pipelines.runtime.feeds.replay import shift_of
from pipelines.settings import conf_dir


@click.group()
def command() -> None:
    """How foreign rows become canonical records: one SQL file each."""


@command.command("list")
def list_mappings() -> None:
    """Names of the shipped mappings and what they are for."""
    folder = conf_dir() / "mappings"
    for name in mapping_names(folder):
        mapping = load_mapping(name, folder=folder)
        click.echo(f"{name:22} {', '.join(mapping.topics):15} {mapping.about.split('. ')[0]}")


@command.command("show")
@click.argument("name")
def show_mapping(name: str) -> None:
    """Print the text of a mapping."""
    click.echo(mapping_text(name, folder=conf_dir() / "mappings"), nl=False)


@command.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--mapping", "mapping_name", required=True, help="A name (`clicklake mapping list`) or a path.")
@click.option("--rows", type=click.IntRange(min=0), default=10, show_default=True, help="Records to show.")
@click.option("--shift-to", metavar="now|TIME", help="Shift all times so that the last lies there.")
@click.option("--limit", type=click.IntRange(min=1), help="Read only the first rows.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one line of JSON.")
@click.pass_obj
def check(
    invocation: Invocation, /, files: Sequence[Path], mapping_name: str, as_json: bool, **options: Any
) -> None:
    """Show the records that FILES would give, and what would be rejected and why."""
    settings = invocation.settings()
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    mapping = load_mapping(mapping_name, folder=conf_dir() / "mappings")
    shift_of(None, options["shift_to"])
    with open_files(mapping, files, scratch=names.scratch, limit=options["limit"]) as mapped:
        span = mapped.span()
        shift = shift_of(span, options["shift_to"])
        found = check_mapping(mapped, name=mapping.name, span=span, shift_micros=shift, rows=options["rows"])
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    else:
        _show(found, Console(highlight=False, soft_wrap=True))


def _show(found: MappingCheck, console: Console) -> None:
    for row in found.rows:
        known_at = f"  known_at {row['known_at']}" if "known_at" in row else ""
        record = json.dumps(row["record"], ensure_ascii=False)
        console.print(f"[dim]row {row['row']:>6}  {row['topic']}[/]  {escape(record)}{known_at}")
    counts = Table("topic", "records", "valid", "rejected", box=None)
    for topic, count in found.records.items():
        counts.add_row(topic, f"{count:,}", f"{found.valid[topic]:,}", f"{count - found.valid[topic]:,}")
    console.print(counts)
    _show_input(found, console)
    for one in found.rejects:
        place, meaning = one.field or "the record", REASONS[one.reason]
        console.print(f"[red]{one.count:,} {one.topic} {one.reason}[/] in {place}: {meaning}")
        for example in one.examples:
            detail, record = escape(example["detail"]), escape(example["record"])
            console.print(f"  row {example['row']}: {detail}  [dim]{record}[/]")
    console.print(f"{sum(found.records.values()):,} records checked in {found.seconds:.2f} s")


def _show_input(found: MappingCheck, console: Console) -> None:
    for file in found.files:
        console.print(
            f"{escape(file.path)}: {file.format}, {file.rows:,} rows, {file.rejected_lines:,} lines no row"
        )
        for example in file.examples:
            console.print(f"  [yellow]no row[/]  {escape(example)}")
    if found.first:
        console.print(f"times from {found.first} to {found.last}")
    if found.repeated_ids:
        console.print(f"{found.repeated_ids:,} records have the id of another one of the same visitor")
    if found.unmapped_rows:
        console.print(f"[yellow]{found.unmapped_rows:,} rows are taken by no select[/]")
        for text in found.unmapped_examples:
            console.print(f"  {escape(text)}")
