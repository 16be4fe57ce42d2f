"""`clicklake replay`: files through a mapping into Kafka, at their own pace."""

import json
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from jobs.cli.main import Invocation
from pipelines.connectors.mapping import MappedFiles, Mapping, check_files, load_mapping, open_files
from pipelines.connectors.names import Names
from pipelines.errors import MappingError, ServiceError
from pipelines.runtime.embedded import endpoints
from pipelines.runtime.feeds.disturbance import Disturbance
from pipelines.runtime.feeds.feed import FeedReport
from pipelines.runtime.feeds.replay import ReplayPlan, parse_speed
from pipelines.runtime.feeds.sending import send_to_kafka
from pipelines.runtime.signals import stop_on
from pipelines.settings import conf_dir


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--mapping", "mapping_name", required=True, help="A name (`clicklake mapping list`) or a path.")
@click.option("--speed", default="max", show_default=True, help="Times the data's own pace: 1, 100, max.")
@click.option("--shift-to", metavar="now|TIME", help="Shift all times so that the last lies there.")
@click.option("--limit", type=click.IntRange(min=1), help="Read only the first rows.")
@click.option("--late-share", type=float, default=0.0, help="Share of records sent late on purpose.")
@click.option("--duplicate-share", type=float, default=0.0, help="Share of second copies.")
@click.option("--broken-share", type=float, default=0.0, help="Share of broken extra copies.")
@click.option("--seed", type=int, default=7, show_default=True, help="Of the shares above.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one line of JSON.")
@click.pass_obj
def command(
    invocation: Invocation, /, files: Sequence[Path], mapping_name: str, as_json: bool, **options: Any
) -> None:
    """Send the rows of FILES (CSV, JSON lines, Parquet; gz, zst) as canonical records."""
    settings = invocation.settings()
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    mapping = load_mapping(mapping_name, folder=conf_dir() / "mappings")
    shares = (options[name] for name in ("late_share", "duplicate_share", "broken_share", "seed"))
    plan = ReplayPlan(parse_speed(options["speed"]), options["shift_to"], Disturbance(*shares))
    plan.check()
    check_files(files)
    bootstrap = endpoints(settings, names=names).kafka
    with open_files(mapping, files, scratch=names.scratch, limit=options["limit"]) as mapped:
        records = mapped.counts()
        if not records:
            raise MappingError(f"no select of {mapping.source} takes a row of the files; nothing was sent.")
        deliveries, shift = plan.deliveries(mapped)
        stop = stop_on(signal.SIGINT, signal.SIGTERM)
        fed = send_to_kafka(
            deliveries, bootstrap, settings.kafka, speed=plan.speed, stop=stop, progress=_progress()
        )
        report = _read(mapped, mapping, records) | {"shift_seconds": shift / 1_000_000} | _fed(fed)
    _show(report, as_json=as_json)
    if fed.error is not None:
        raise ServiceError(fed.error)


def _read(mapped: MappedFiles, mapping: Mapping, records: Counter[str]) -> dict[str, Any]:
    return {
        "mapping": mapping.name,
        "files": [{"path": f.path, "rows": f.rows, "rejected_lines": f.rejected_lines} for f in mapped.files],
        "input_rows": mapped.rows,
        "rejected_lines": mapped.rejected_lines,
        "unmapped_rows": mapped.unmapped(examples=0)[0],
        "records": dict(records),
    }


def _fed(report: FeedReport) -> dict[str, Any]:
    return {
        "sent": report.sent,
        "sent_by_topic": dict(report.sent_by_topic),
        "sent_by_fate": dict(report.sent_by_fate),
        "sent_by_reason": dict(report.sent_by_reason),
        "acked": report.acked,
        "failed": report.failed,
        "elapsed_seconds": round(report.elapsed_seconds, 3),
        "records_per_second": round(report.achieved_rate, 1),
        "worst_lag_seconds": round(report.worst_lag_seconds, 3),
        "fell_behind": report.fell_behind,
        "ended": report.ended,
        "error": report.error,
    }


def _progress() -> Any:
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        return None

    def tell(report: FeedReport) -> None:
        text = f"{report.sent:,} sent, {report.achieved_rate:,.0f} records/s"
        console.print(text, end="\r")

    return tell


def _show(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report))
        return
    click.echo(
        f"read {report['input_rows']:,} rows; {report['rejected_lines']:,} lines are no row; "
        f"{report['unmapped_rows']:,} rows are taken by no select"
    )
    for topic, count in report["records"].items():
        sent = report["sent_by_topic"].get(topic, 0)
        click.echo(
            f"{topic}: {count:,} records, {sent:,} sent, {report['acked'].get(topic, 0):,} acknowledged"
        )
    for fate, count in report["sent_by_fate"].items():
        click.echo(f"of these {fate} on purpose: {count:,}")
    click.echo(
        f"{report['ended']} after {report['elapsed_seconds']:.1f} s, "
        f"{report['records_per_second']:,.0f} records/s"
    )
