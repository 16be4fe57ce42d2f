"""`clicklake demo`: everything at once, with real services, watched on a live page."""

import json
import signal
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from jobs.cli.main import Invocation
from pipelines.connectors.names import Names
from pipelines.errors import CheckFailed, SettingsError
from pipelines.runtime.demo.plan import DemoPlan
from pipelines.runtime.demo.progress import Tally
from pipelines.runtime.demo.report import build_report
from pipelines.runtime.demo.run import Demo, DemoRun
from pipelines.runtime.signals import stop_on
from pipelines.settings.tree import Simulator

_UNATTENDED_SECONDS = 120.0


@click.command()
@click.option("--duration", type=float, help="Seconds of feeding. [at a terminal: until Ctrl-C; else 120]")
@click.option("--report", "report_file", type=click.Path(path_type=Path), help="Write the report as JSON.")
@click.option("--data", "files", multiple=True, help="Your own file instead of the simulator; repeatable.")
@click.option("--mapping", help="How to read --data; see `clicklake mapping list`.")
@click.option("--speed", default="max", show_default=True, help="Of the replay of --data: 1, 100, max.")
@click.option("--rate", type=float, help="Records per second of the simulator.")
@click.option("--seed", type=int, help="Of the simulator.")
@click.option(
    "--disturbed", is_flag=True, help="Replay with the simulator's shares of late, second, broken records."
)
@click.option("--crashes", is_flag=True, help="Let three queries fail and kill the driver meanwhile.")
@click.pass_obj
def command(invocation: Invocation, /, report_file: Path | None, **options: Any) -> None:
    """Start Kafka, Postgres, MLflow, Spark and the page; feed; check; report."""
    settings = invocation.settings()
    _require_writable(report_file)
    plan = _plan(options, settings.simulator)
    console = Console(stderr=True, highlight=False)
    reports: list[dict[str, Any]] = []

    def conclude(run: DemoRun) -> None:
        names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
        reports.append(build_report(run, names))

    Demo(
        settings,
        plan,
        environment=invocation.child_environment(),
        stop=stop_on(signal.SIGINT),
        tell=lambda subject, text: console.print(f"[bold]{subject:>12}[/]  {text}"),
        show=_Line(console).show,
    ).run(conclude)
    (report,) = reports
    if report_file:
        report_file.write_text(json.dumps(report, indent=2, default=str) + "\n")
    _print(report, console)
    if not report["ok"]:
        raise CheckFailed("the demo's checks do not all hold: see above.")


def _plan(options: dict[str, Any], simulator: Simulator) -> DemoPlan:
    files = options["files"]
    shares = simulator.late_share, simulator.duplicate_share, simulator.broken_share
    return DemoPlan(
        duration_seconds=_duration(options["duration"], files),
        files=files,
        mapping=options["mapping"],
        speed=options["speed"],
        rate=options["rate"] or simulator.rate,
        seed=simulator.seed if options["seed"] is None else options["seed"],
        shares=shares if options["disturbed"] else (0.0, 0.0, 0.0),
        crashes=options["crashes"],
    )


def _duration(asked: float | None, files: tuple[str, ...]) -> float | None:
    if asked is None and not files and not sys.stdout.isatty():
        return _UNATTENDED_SECONDS
    return asked


def _require_writable(report_file: Path | None) -> None:
    if report_file and not report_file.absolute().parent.is_dir():
        raise SettingsError(
            f"--report {report_file}: the folder {report_file.absolute().parent} does not exist."
        )


class _Line:
    """The progress line: rewritten at a terminal, repeated every few seconds elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def show(self, elapsed: float, tally: Tally | None) -> None:
        """Show how far the run is."""
        if elapsed < self._next:
            return
        self._next = elapsed + (1 if self._console.is_terminal else 5)
        if tally is None:
            return
        silver = tally.fresh.get("silver")
        fresh = f", silver {silver.p50_ms / 1000:.1f} s fresh (p50)" if silver and silver.p50_ms else ""
        text = (
            f"{elapsed:4.0f} s: {tally.bronze:,} in bronze, {tally.silver:,} in silver, "
            f"{tally.dead_letters:,} dead letters{fresh}"
        )
        self._console.print(f"[bold]{'lake':>12}[/]  {text}", end="\r" if self._console.is_terminal else "\n")


def _print(report: dict[str, Any], console: Console) -> None:
    rows = Table("table", "rows", box=None)
    for table, count in report["tables"].items():
        rows.add_row(table, f"{count:,}")
    console.print(rows)
    fresh = Table("freshness, seconds", "mean", "p50", "p95", "p99", box=None)
    for layer, figures in report["freshness"].items():
        fresh.add_row(layer, *(str(figures[name]) for name in ("mean_s", "p50_s", "p95_s", "p99_s")))
    console.print(fresh)
    dead = Table("dead letters", "records", "meaning", box=None)
    for reason, count in report["dead_letters"].items():
        dead.add_row(reason, f"{count:,}", report["dead_letter_examples"][reason]["means"])
    console.print(dead)
    for check in report["checks"]:
        console.print(
            f"[{'green' if check['ok'] else 'red'}]{'holds' if check['ok'] else 'FAILS'}[/]  "
            f"{check['name']}  [dim]{check['seen']}[/]"
        )
    if report["first_silver_row_s"] is not None:
        console.print(f"first silver row after {report['first_silver_row_s']:.1f} s")
