"""`clicklake report`: what the lake holds and how fresh it was kept."""

import json
from typing import Any

import click

from jobs.cli.main import Invocation
from pipelines.connectors.names import Names
from pipelines.errors import LakeError, ServiceError
from pipelines.runtime.embedded.stack import endpoints
from pipelines.runtime.watching.report import freshness_summary, lake_summary


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def command(invocation: Invocation, as_json: bool) -> None:
    """Sum up the lake: rows per table, dead letters by reason, freshness where Postgres runs."""
    settings = invocation.settings()
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    report: dict[str, Any] = lake_summary(names)
    if not report["tables"]:
        raise LakeError("the lake has no tables yet: run `clicklake demo`.")
    try:
        report["freshness"] = freshness_summary(endpoints(settings, names=names).postgres.address())
    except ServiceError as error:
        report["freshness"] = {}
        click.echo(f"No freshness: {error}", err=True)
    if as_json:
        click.echo(json.dumps(report))
        return
    for table, count in report["tables"].items():
        click.echo(f"{table:24} {count:>12,} rows")
    for reason, count in report["dead_letters"].items():
        click.echo(f"dead letter {reason:20} {count:>4,}  {report['dead_letter_examples'][reason]['means']}")
    for layer, figures in report["freshness"].items():
        shown = ", ".join(f"{name} {figures[f'{name}_s']} s" for name in ("mean", "p50", "p95", "p99"))
        click.echo(f"freshness {layer:8} {shown}")
