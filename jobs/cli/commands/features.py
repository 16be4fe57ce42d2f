"""`clicklake features`: the feature sets, the columns of each, and what is known of one entity."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
import msgspec
import psycopg2

from jobs.cli.known_entity import as_data, batch_as_data, heading, rows_of, source
from jobs.cli.main import Invocation
from jobs.cli.queries import age
from jobs.cli.tables import show_markdown, show_table
from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress
from pipelines.contracts.clock import micros, moment
from pipelines.errors import ClicklakeError, LakeError, ServiceError, SettingsError
from pipelines.gold.features.describing import columns_of, described, summary
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.embedded import postgres_endpoint
from pipelines.runtime.features.freshness import Freshness, freshness
from pipelines.runtime.features.known import About, Known, about, known_now
from pipelines.runtime.features.known_then import known_then

Row = dict[str, Any]
_CLOCKS = ("%H:%M:%S.%f%z", "%H:%M:%S%z", "%H:%M:%S", "%H:%M")
_TIMES = [f"%Y-%m-%d{between}{clock}" for clock in _CLOCKS for between in "T "] + ["%Y-%m-%d"]


@click.group(invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """What is known of visitors, sessions and products: features, by set. Without a command: the sets."""
    if context.invoked_subcommand is None:
        _list(context.obj, None, "table")


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
@click.pass_obj
def list_sets(invocation: Invocation, name: str | None, shape: str) -> None:
    """List the sets, how fresh each is where the services run; of one set also the columns."""
    _list(invocation, name, shape)


@command.command()
@click.argument("entity")
@click.argument("key", nargs=-1, required=True)
@click.option(
    "--as-of",
    "as_of",
    type=click.DateTime(_TIMES),
    help="What was known then, by what had arrived: recomputed from the lake. UTC unless it says otherwise.",
)
@click.option("--format", "shape", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_obj
def show(
    invocation: Invocation, entity: str, key: tuple[str, ...], as_of: datetime | None, shape: str
) -> None:
    """Show what is known of one entity: `visitor V`, `user U`, `product P`, `session V S`, ..."""
    asked = about(entity, key)
    if as_of is None:
        _show_now(invocation, asked, key, shape)
    else:
        _show_then(invocation, asked, key, _past(as_of), shape)


def _past(as_of: datetime) -> int:
    """The moment in UTC microseconds. Raises `SettingsError` for one that has not been."""
    at = micros(as_of)
    if at < 0:
        raise SettingsError(f"--as-of {as_of.isoformat()}: there were no clicks before 1970.")
    if at > time.time_ns() // 1_000:
        raise SettingsError(
            f"--as-of {as_of.isoformat()} is yet to come: without it, all that is known now is shown."
        )
    return at


def _show_now(invocation: Invocation, asked: About, key: tuple[str, ...], shape: str) -> None:
    at = time.time_ns() // 1_000
    found = known_now(_address(invocation), asked, key, at=at)
    _require_any(found.known, asked, key, "now, by the online store")
    if shape == "json":
        further = {"batch": batch_as_data(found.batch), "not_live": list(found.waiting)}
        _echo_json(as_data(asked, key, found.known, at) | further)
        return
    click.echo(source(found.batch))
    for name in found.waiting:
        click.echo(f"{name} is not live: `clicklake run build_features {name}` builds its history.")
    _show_sets(found.known)


def _show_then(invocation: Invocation, asked: About, key: tuple[str, ...], at: int, shape: str) -> None:
    settings = invocation.settings()
    lake = LakeReader(Names.of(var_dir=settings.var_dir, lake=settings.lake))
    known = known_then(lake, asked, key, at=at)
    _require_any(known, asked, key, f"at {moment(at).isoformat()}, by what had arrived in the lake")
    if shape == "json":
        _echo_json(as_data(asked, key, known, at))
        return
    click.echo(f"Recomputed from the lake, by what had arrived before {moment(at).isoformat()}.")
    _show_sets(known)


def _show_sets(known: Sequence[Known]) -> None:
    for one in known:
        click.echo(f"\n{heading(one)}")
        if not one.is_expired:
            show_table(rows_of(one))


def _require_any(known: Sequence[Known], asked: About, key: tuple[str, ...], when: str) -> None:
    if all(one.last_event_at is None for one in known):
        raise ClicklakeError(f"nothing is known of {asked.name} {' '.join(key)} {when}.")


def _list(invocation: Invocation, name: str | None, shape: str) -> None:
    sets = list(all_sets().values()) if name is None else [_named(name)]
    fresh = _freshness(invocation)
    if shape == "json":
        for one in sets:
            found = fresh.get((one.name, one.version))
            _echo_json(described(one) | {"freshness": found._asdict() if found else None})
        return
    rows = [_with_freshness(one, fresh) for one in sets]
    show_rows = show_markdown if shape == "markdown" else show_table
    show_rows(rows)
    if name is not None:
        click.echo()
        show_rows(columns_of(sets[0]))


def _with_freshness(one: FeatureSet, fresh: dict[tuple[str, int], Freshness]) -> Row:
    row = summary(one)
    if not fresh:
        return row
    found, meaning = fresh.get((one.name, one.version)), row.pop("meaning")
    return row | _cells(found) | {"meaning": meaning}


def _cells(found: Freshness | None) -> Row:
    if found is None or not found.is_live:
        return {"newest batch": "not live", "entities": "", "expired": ""}
    about_so_many = "~" if found.is_estimate else ""
    return {
        "newest batch": "" if found.batch_age_seconds is None else f"{age(found.batch_age_seconds)} ago",
        "entities": "" if found.entities is None else f"{about_so_many}{found.entities:,}",
        "expired": "" if found.expired is None else f"{about_so_many}{found.expired:,}",
    }


def _freshness(invocation: Invocation) -> dict[tuple[str, int], Freshness]:
    """By set and version; none where no Postgres with features runs."""
    try:
        return {(one.name, one.version): one for one in freshness(_address(invocation))}
    except (ServiceError, LakeError, psycopg2.Error):
        return {}


def _address(invocation: Invocation) -> PostgresAddress:
    settings = invocation.settings()
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    return postgres_endpoint(settings, names=names).address()


def _echo_json(content: Row) -> None:
    click.echo(msgspec.json.encode(content).decode())


def _named(name: str) -> FeatureSet:
    found = all_sets().get(name)
    if found is None:
        raise SettingsError(f"there is no feature set `{name}`; the sets are {', '.join(all_sets())}.")
    return found
