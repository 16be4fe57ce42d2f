"""`clicklake backtest`: the decisions that a model would have made then, with what came of them."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobs.cli.main import Invocation
from jobs.cli.tables import show_table
from pipelines.connectors.names import Names
from pipelines.contracts.clock import micros
from pipelines.errors import ModelError, SettingsError
from pipelines.gold.problems import all_problems
from pipelines.gold.problems.problem import Problem
from pipelines.runtime.embedded import mlflow_endpoint

if TYPE_CHECKING:
    from training.backtest import Backtest, Comparison
    from training.examples import Examples

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
_SEED = 7


@click.command()
@click.option("--model", "named", required=True, help="PROBLEM/VERSION or PROBLEM@ALIAS.")
@click.option("--from", "since", type=click.DateTime(_TIMES), required=True, help="First time, UTC.")
@click.option("--to", "until", type=click.DateTime(_TIMES), required=True, help="Up to this time, UTC.")
@click.option("--against", default="champion", show_default=True, help="Version or alias to compare with.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Parquet: a row a decision.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
@click.pass_obj
def command(
    invocation: Invocation,
    named: str,
    since: datetime,
    until: datetime,
    against: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Tell what a model would have decided then, by the features known then, and what came of it."""
    from training.backtest import compared, decisions  # noqa: PLC0415 - seconds to import

    problem, version = _named(named)
    if micros(since) >= micros(until):
        raise SettingsError(f"backtest: --from {since} must lie before --to {until}.")
    if out is not None and not out.absolute().parent.is_dir():
        raise SettingsError(f"backtest: the folder of --out {out} is not there.")
    examples, found = _tested(invocation, problem, [version, against], micros(since), micros(until))
    one, *others = found
    comparison = compared(examples, one, others[0], worth=problem.worth, seed=_SEED) if others else None
    if out is not None:
        import pyarrow.parquet as pq  # noqa: PLC0415

        pq.write_table(decisions(examples, {each.entry.name: each for each in found}), out)
    _show(examples, found, comparison, as_json=as_json)


def _tested(
    invocation: Invocation, problem: Problem, wanted: list[str], since: int, until: int
) -> "tuple[Examples, list[Backtest]]":
    """The decisions of that time, and the models on them: one only where both names mean the same."""
    from pipelines.runtime.contests import learnt_until  # noqa: PLC0415
    from training.backtest import backtest  # noqa: PLC0415
    from training.contest.field import Absent, registered  # noqa: PLC0415
    from training.dataset import read_dataset  # noqa: PLC0415
    from training.tracking.registry import Registry  # noqa: PLC0415
    from training.tracking.server import Server  # noqa: PLC0415

    settings = invocation.settings()
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    registry = Registry(Server(mlflow_endpoint(settings, names=names)), lock=names.registry_lock)
    models = registry.models(problem.name)
    chosen = {}
    for name in wanted:
        model = next((one for one in models if str(one.version) == name or name in one.aliases), None)
        if model is None:
            raise SettingsError(f"backtest: {problem.name} has no version or alias `{name}`.")
        chosen[model.version] = model
    examples = read_dataset(names, problem, since=since, until=until).examples
    found = []
    for model in chosen.values():
        entry = registered(model, registry.load)
        if isinstance(entry, Absent):
            raise ModelError(entry.reason)
        learnt = learnt_until(names, problem.name, model.version)
        found.append(backtest(examples, entry, worth=problem.worth, learnt_until=learnt, seed=_SEED))
    return examples, found


def _show(
    examples: "Examples", found: "list[Backtest]", comparison: "Comparison | None", *, as_json: bool
) -> None:
    from training.backtest import seen_share  # noqa: PLC0415

    if as_json:
        beside = asdict(comparison) if comparison else None
        click.echo(json.dumps({"models": [one.as_data() for one in found], "comparison": beside}))
        return
    click.echo(f"{len(examples):,} decisions, the outcome came in {int(examples.labels.sum()):,}.\n")
    show_table([_row(one) for one in found])
    for one in found:
        seen = seen_share(examples, one.learnt_until)
        if seen:
            click.echo(
                f"\n{one.entry.name} has learnt from decisions up to {one.learnt_until:%Y-%m-%d %H:%M:%S}: "
                f"{seen:.0%} of these lie before that, so they flatter it."
            )
    if comparison:
        click.echo(
            f"\nWhat {found[0].entry.name} would have brought less what "
            f"{found[1].entry.name} would: {comparison.gain_minor / 100:,.2f} "
            f"({comparison.low / 100:,.2f} to {comparison.high / 100:,.2f}, "
            f"p {comparison.p:.3f})."
        )


def _row(one: "Backtest") -> dict[str, str]:
    shown = {name: one.evaluation.metrics[name] for name in ("average_precision", "roc_auc", "log_loss")}
    cells = {name: f"{found.value:.4f} ({found.low:.4f}-{found.high:.4f})" for name, found in shown.items()}
    return {
        "model": one.entry.name,
        "threshold": f"{one.entry.threshold:.3f}",
        "acted": f"{one.acted:,}",
        "gain": f"{one.gain_minor / 100:,.2f}",
        **cells,
    }


def _named(model: str) -> tuple[Problem, str]:
    """The problem, and the version or alias."""
    problems = all_problems()
    for sign in "/@":
        name, _, rest = model.partition(sign)
        if name in problems and rest:
            return problems[name], rest
    raise SettingsError(
        f"backtest: --model {model} is not PROBLEM/VERSION or PROBLEM@ALIAS; problems: {', '.join(problems)}."
    )
