"""Prove that logged reads, or decisions, knew what silver makes of their moment; exit 1 when not."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from pyspark.sql import SparkSession  # noqa: TID251 - only named: the job opens it

from jobs.entry import run_job, writable_file
from pipelines.connectors.names import Names
from pipelines.errors import CheckFailed, SettingsError
from pipelines.runtime.decisions.consistency import DecisionsResult, check_decisions
from pipelines.runtime.embedded import postgres_endpoint
from pipelines.runtime.features.consistency import ConsistencyResult, check_reads
from pipelines.runtime.features.consistency_log import note_check
from pipelines.runtime.streams.session import open_session
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print the result as JSON, or write it to `--report FILE`."""
    parser = argparse.ArgumentParser(prog="check_consistency", description=__doc__)
    parser.add_argument("--reads", type=int, default=20_000, help="how many of the newest are checked")
    parser.add_argument("--decisions", action="store_true", help="check decisions instead of reads")
    parser.add_argument("--since", type=_time, metavar="TIME", help="decisions from then on, ISO 8601")
    parser.add_argument("--until", type=_time, metavar="TIME", help="decisions before then")
    parser.add_argument("--wait", type=float, default=30, metavar="SECONDS", help="for silver to reach them")
    parser.add_argument("--report", type=writable_file, help="write the result as JSON")
    options = parser.parse_args(arguments)
    if options.reads < 1 or options.wait < 0:
        raise SettingsError("--reads takes at least 1, --wait at least 0")
    if not options.decisions and (options.since or options.until):
        raise SettingsError("--since and --until are of decisions: say --decisions, too")
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    postgres = postgres_endpoint(settings, names=names).address()
    spark = open_session(settings, names, app="check_consistency")
    result = _checked(spark, names, options)
    spark.stop()
    note_check(postgres, result.compared if isinstance(result, DecisionsResult) else result)
    shown = json.dumps(result.as_data())
    if options.report:
        options.report.write_text(shown)
    else:
        sys.stdout.write(shown + "\n")
    if not result.holds:
        raise CheckFailed("online is not offline: see mismatch, missing and extra of each feature.")


def _checked(
    spark: SparkSession, names: Names, options: argparse.Namespace
) -> ConsistencyResult | DecisionsResult:
    if not options.decisions:
        return check_reads(spark, names, most=options.reads, wait_seconds=options.wait)
    return check_decisions(
        spark,
        names,
        most=options.reads,
        wait_seconds=options.wait,
        since=options.since,
        until=options.until,
    )


def _time(text: str) -> datetime:
    """An ISO 8601 time; without a zone it is UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(run_job(run))
