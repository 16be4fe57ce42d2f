"""`clicklake simulate`: a shop with known truth into Kafka, or into a file."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from jobs.cli.main import Invocation
from pipelines.errors import ServiceError
from pipelines.runtime.feeds.feed import FeedReport
from pipelines.runtime.feeds.replay import parse_speed
from pipelines.runtime.feeds.simulate import SimulationPlan, SimulationReport, run_simulation
from pipelines.runtime.signals import stop_on


@click.command()
@click.option("--rate", type=float, help="Records per second on clicks and orders. [setting: simulator.rate]")
@click.option("--duration", "duration_seconds", type=float, help="Seconds of the shop's time. [endless]")
@click.option("--events", type=int, help="End after so many records on clicks and orders.")
@click.option("--seed", type=int, help="The same seed and start give the same bytes. [simulator.seed]")
@click.option("--users", type=int, help="Accounts of the shop. [2000]")
@click.option("--speed", default="1", show_default=True, help="Times the wall clock's pace: 1, 10, max.")
@click.option("--start", metavar="TIME", help="Time of the first click. [so that the last one is now]")
@click.option("--avro-share", type=float, default=0.0, help="Share of records in Avro instead of JSON.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A JSON-lines file, no Kafka.")
@click.option("--truth", type=click.Path(path_type=Path, dir_okay=False), help="Rows of truth, JSON lines.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one line of JSON.")
@click.pass_obj
def command(invocation: Invocation, /, speed: str, as_json: bool, **options: Any) -> None:
    """Simulate a shop: visits, carts, orders; late, duplicate and broken records; and the truth."""
    plan = SimulationPlan(speed=parse_speed(speed), **options)
    console = Console(stderr=True, highlight=False)
    report = run_simulation(
        invocation.settings(), plan, stop=stop_on(signal.SIGINT, signal.SIGTERM), progress=_progress(console)
    )
    if report.fed.fell_behind and report.fed.asked_rate is not None:
        console.print(
            f"[yellow]fell behind:[/] {report.fed.achieved_rate:,.0f} records/s reached of "
            f"{report.fed.asked_rate:,.0f} asked, {report.fed.lag_seconds:.1f} s late at the end"
        )
    if as_json:
        click.echo(json.dumps(report.as_data()))
    else:
        _show(report, Console(highlight=False))
    if report.fed.error is not None:
        raise ServiceError(report.fed.error)


def _progress(console: Console) -> Callable[[FeedReport], None] | None:
    if not console.is_terminal:
        return None

    def tell(fed: FeedReport) -> None:
        lag = f", {fed.lag_seconds:.1f} s behind" if fed.lag_seconds >= 1 else ""
        text = f"{fed.elapsed_seconds:.0f} s: {fed.sent:,} sent, {fed.achieved_rate:,.0f} records/s{lag}"
        console.print(f"{text:<60}", end="\r")

    return tell


def _show(report: SimulationReport, console: Console) -> None:
    fed, truth = report.fed, report.truth
    console.print(_counts("topic", "sent", fed.sent_by_topic, also=("acknowledged", fed.acked)))
    console.print(_counts("fate", "records", fed.sent_by_fate))
    console.print(_counts("reason for a dead letter", "records", fed.sent_by_reason))
    console.print(_counts("true first source", "orders", truth.orders_by_source))
    console.print(
        _counts(
            "state",
            "orders",
            truth.orders_by_state,
            also=("revenue, minor units", truth.revenue_minor_by_state),
        )
    )
    console.print(_calibration(report))
    console.print(
        f"{fed.ended} after {fed.elapsed_seconds:.1f} s, {fed.achieved_rate:,.0f} records/s; "
        f"{truth.visitors:,} visitors, {truth.visits:,} visits"
    )


def _counts(
    what: str, unit: str, counts: dict[str, int], *, also: tuple[str, dict[str, int]] | None = None
) -> Table:
    table = Table(what, unit, *([also[0]] if also else []), box=None, pad_edge=False)
    for name, count in sorted(counts.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{count:,}", *([f"{also[1].get(name, 0):,}"] if also else []))
    return table


def _calibration(report: SimulationReport) -> Table:
    truth = report.truth
    columns = ("P(purchase) at checkout", "checkouts", "purchases expected", "purchases")
    table = Table(*columns, box=None, pad_edge=False)
    for number, checkouts in enumerate(truth.checkouts):
        if checkouts:
            share = 1 / len(truth.checkouts)
            table.add_row(
                f"{number * share:.1f} to {(number + 1) * share:.1f}",
                f"{checkouts:,}",
                f"{truth.expected_purchases[number]:,.1f}",
                f"{truth.purchases[number]:,}",
            )
    return table
