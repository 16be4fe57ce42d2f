"""Join the small files that the streams leave in every table; harmless while they run."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from jobs.entry import run_job
from pipelines.connectors.delta import is_local
from pipelines.connectors.delta_compaction import compact_table, is_table
from pipelines.connectors.names import Names
from pipelines.contracts.lake import all_tables
from pipelines.errors import LakeError, SettingsError
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line per table. Needs no Spark and no services; for a lake in a local folder."""
    argparse.ArgumentParser(prog="compact_lake", description=__doc__).parse_args(arguments)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    if not is_local(names.lake):
        raise SettingsError(f"{names.lake} is no local folder: run Delta's OPTIMIZE and VACUUM there.")
    there = [table for table in all_tables() if is_table(names.table(table))]
    if not there:
        raise LakeError(f"{names.lake}: there are no tables of a lake yet.")
    for table in there:
        sys.stdout.write(json.dumps({"table": table, **asdict(compact_table(names.table(table)))}) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
