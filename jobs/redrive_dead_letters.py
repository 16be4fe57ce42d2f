"""Send dead letters to Kafka again that today's parser reads; without a reason, count them."""

import argparse
import json
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from jobs.entry import run_job
from pipelines.contracts.fields import REASONS
from pipelines.runtime.redrive import RedriveReport, Selection
from pipelines.runtime.redrive_run import redrive_lake
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """One JSON line of what was sent and what stays; without `--reason` a table, and nothing is sent."""
    parser = argparse.ArgumentParser(prog="redrive_dead_letters", description=__doc__)
    parser.add_argument("--reason", action="append", default=[], help="send those of this reason; repeatable")
    parser.add_argument("--topic", help="only those of this Kafka topic")
    parser.add_argument("--limit", type=_count, metavar="N", help="send at most N")
    parser.add_argument("--dry-run", action="store_true", help="only count")
    options = parser.parse_args(arguments)
    selection = Selection(tuple(options.reason), options.topic)
    dry = options.dry_run or not options.reason
    report = redrive_lake(settings, selection, limit=options.limit, dry_run=dry)
    if options.reason:
        sys.stdout.write(json.dumps(report.as_data() | {"dry_run": dry}) + "\n")
    else:
        Console().print(_table(report))


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number above 0")
    return int(text)


def _table(report: RedriveReport) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("reason", "dead letters", "sent again", "would parse now"):
        table.add_column(column, justify="left" if column == "reason" else "right")
    table.add_column("meaning", overflow="fold")
    for reason, tally in sorted(report.by_reason.items(), key=lambda item: (-item[1].selected, item[0])):
        counts = (tally.selected, tally.already_sent, tally.parse_now)
        table.add_row(reason, *(f"{count:,}" for count in counts), REASONS.get(reason, ""))
    return table


if __name__ == "__main__":
    sys.exit(run_job(run))
