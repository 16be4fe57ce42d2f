"""`clicklake models`: who decides, how that came, and how it is undone."""

import getpass
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobs.cli.main import Invocation
from jobs.cli.model_tables import model_row, show_story
from jobs.cli.tables import show_table
from pipelines.connectors.names import Names
from pipelines.contracts.registered_model import RegisteredModel
from pipelines.errors import SettingsError
from pipelines.gold.problems import all_problems
from pipelines.gold.problems.problem import Problem
from pipelines.runtime.embedded import mlflow_endpoint

if TYPE_CHECKING:
    from training.tracking.registry import Registry
    from training.tracking.server import Server

_problem = click.option(
    "--problem", required=True, help="The problem that it decides, such as checkout_purchase."
)
_reason = click.option("--reason", required=True, help="Kept in the version's story.")
_version = click.argument("version", type=click.IntRange(min=1))
_json = click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")


@click.group(invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Models by problem: list, promote, roll back, retire, enter, and why. Without a command: the list."""
    if context.invoked_subcommand is None:
        _list(context.obj, None, as_json=False)


@command.command("list")
@click.option("--problem", help="Only this problem.")
@_json
@click.pass_obj
def list_models(invocation: Invocation, problem: str | None, as_json: bool) -> None:
    """List versions, the newest first, with alias and average precision where they were judged."""
    _list(invocation, problem, as_json=as_json)


@command.command()
@_version
@_problem
@_reason
@click.pass_obj
def promote(invocation: Invocation, version: int, problem: str, reason: str) -> None:
    """Make a version the champion by hand; its file is checked first."""
    found, registry = _named(problem), _registry(invocation)
    champion = registry.champion(problem)
    expected = None if champion is None else champion.version
    promoted = registry.promote(found, version, by=getpass.getuser(), reason=reason, expected=expected)
    click.echo(f"{problem}: v{promoted.version} ({promoted.name}) decides now, before {_called(champion)}.")


@command.command()
@_problem
@_reason
@click.pass_obj
def rollback(invocation: Invocation, problem: str, reason: str) -> None:
    """Make the previous champion the champion again."""
    found, registry = _named(problem), _registry(invocation)
    champion = registry.champion(problem)
    now = registry.rollback(found, by=getpass.getuser(), reason=reason)
    click.echo(f"{problem}: v{now.version} ({now.name}) decides again, before {_called(champion)}.")


@command.command()
@_version
@_problem
@_reason
@click.pass_obj
def retire(invocation: Invocation, version: int, problem: str, reason: str) -> None:
    """Take a version out for good: its file is deleted, its story stays. Not the champion."""
    _named(problem)
    _registry(invocation).retire(problem, version, by=getpass.getuser(), reason=reason)
    click.echo(f"{problem}: v{version} is retired.")


@command.command()
@click.argument("version", type=click.IntRange(min=1), required=False)
@_problem
@_json
@click.pass_obj
def why(invocation: Invocation, version: int | None, problem: str, as_json: bool) -> None:
    """Tell why a version, else the champion, is what it is: its contests and what happened to it."""
    _named(problem)
    story = _registry(invocation).why(problem, version)
    if as_json:
        told = {"model": story.model.as_data(), "born": story.born, "newest": story.newest}
        click.echo(json.dumps(told))
        return
    show_story(story)


@command.command()
@click.argument("version", type=click.IntRange(min=1), required=False)
@_problem
@click.pass_obj
def data(invocation: Invocation, version: int | None, problem: str) -> None:
    """Cut the rows of a version's contest, else the champion's, again, and prove that they are the same."""
    from training.rebuilding import rebuilt  # noqa: PLC0415 - seconds to import

    found = _named(problem)
    noted = _registry(invocation).data(problem, version)
    block = rebuilt(_names(invocation), found, noted)
    click.echo(
        f"{problem}: version {noted['version']} of {noted['table']} gives the same rows again, bit for bit: "
        f"{len(block.split.train):,} to learn from ({noted['training']['digest'][:12]}), "
        f"{len(block.split.validation):,} to judge by ({noted['judging']['digest'][:12]})."
    )


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@_problem
@click.option("--name", help="What contests call it; the file's name unless given.")
@click.option(
    "--features", type=click.Path(path_type=Path), help="JSON list of its features, where the file has none."
)
@click.pass_obj
def enter(invocation: Invocation, file: Path, problem: str, name: str | None, features: Path | None) -> None:
    """Let an ONNX model that was prepared elsewhere into the next contest. Pickles are refused."""
    from training.tracking.entering import enter as register  # noqa: PLC0415 - seconds to import
    from training.tracking.outside_model import outside_model  # noqa: PLC0415

    found = _named(problem)
    invocation.settings()
    model = outside_model(file, found, features=features)
    called = name or file.stem
    version = register(_server(invocation), model, found, name=called, by=getpass.getuser())
    click.echo(
        f"{problem}: {called} is v{version}, of {len(model.features)} features, "
        "and stands in the next contest."
    )


def _list(invocation: Invocation, problem: str | None, *, as_json: bool) -> None:
    problems = list(all_problems()) if problem is None else [_named(problem).name]
    registry = _registry(invocation)
    models = [one for name in problems for one in registry.models(name)]
    if as_json:
        for one in models:
            click.echo(json.dumps(one.as_data()))
        return
    if not models:
        click.echo("No models yet: the first contest makes some, and `clicklake models enter` takes yours.")
        return
    show_table([model_row(one) for one in models])


def _called(champion: RegisteredModel | None) -> str:
    return "none" if champion is None else f"v{champion.version} ({champion.name})"


def _named(problem: str) -> Problem:
    found = all_problems().get(problem)
    if found is None:
        raise SettingsError(f"there is no problem `{problem}`; the problems are {', '.join(all_problems())}.")
    return found


def _server(invocation: Invocation) -> "Server":
    settings = invocation.settings()
    address = mlflow_endpoint(settings, names=_names(invocation))
    from training.tracking.server import Server  # noqa: PLC0415 - MLflow takes seconds to import

    return Server(address)


def _registry(invocation: Invocation) -> "Registry":
    server = _server(invocation)
    from training.tracking.registry import Registry  # noqa: PLC0415

    return Registry(server, lock=_names(invocation).registry_lock)


def _names(invocation: Invocation) -> Names:
    settings = invocation.settings()
    return Names.of(var_dir=settings.var_dir, lake=settings.lake)
