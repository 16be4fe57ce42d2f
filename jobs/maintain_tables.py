"""Join the small files of every table, and remove those joined long ago; harmless while streams run."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from jobs.entry import run_job
from pipelines.connectors.delta import is_local
from pipelines.connectors.delta_compaction import KEPT_HOURS, compact_table, is_table
from pipelines.connectors.names import Names
from pipelines.contracts.lake import all_tables
from pipelines.errors import LakeError, SettingsError
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line per table. Needs no Spark and no services; for a lake in a local folder."""
    keep_hours = _keep_hours(arguments)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    if not is_local(names.lake):
        raise SettingsError(f"{names.lake} is no local folder: run Delta's OPTIMIZE and VACUUM there.")
    there = [table for table in [*all_tables(), *names.feature_tables()] if is_table(names.table(table))]
    if not there:
        raise LakeError(f"{names.lake}: there are no tables of a lake yet.")
    failed = []
    for table in there:
        try:
            done = asdict(compact_table(names.table(table), keep_hours=keep_hours))
        except LakeError as error:
            failed.append(str(error))
            continue
        sys.stdout.write(json.dumps({"table": table, **done}) + "\n")
    if failed:
        raise LakeError(" ".join(failed))


def _keep_hours(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="maintain_tables", description=__doc__)
    parser.add_argument("--keep-hours", type=int, default=KEPT_HOURS, help="how long joined files stay")
    parser.add_argument(
        "--nothing-runs", action="store_true", help=f"fewer than {KEPT_HOURS} hours are meant"
    )
    options = parser.parse_args(arguments)
    if options.keep_hours < (0 if options.nothing_runs else KEPT_HOURS):
        raise SettingsError(
            f"--keep-hours {options.keep_hours}: streams and readers may still need files of the last "
            f"{KEPT_HOURS} hours; if nothing runs, say so by --nothing-runs."
        )
    hours: int = options.keep_hours
    return hours


if __name__ == "__main__":
    sys.exit(run_job(run))
