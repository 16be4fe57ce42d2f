"""Join the small files that the streams leave in every table; harmless while they run."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from jobs.entry import run_job
from pipelines.connectors.delta import is_local
from pipelines.connectors.delta_compaction import compact_table
from pipelines.connectors.names import Names
from pipelines.contracts.lake import all_tables
from pipelines.errors import SettingsError
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line per table. Needs no Spark and no services; for a lake in a local folder."""
    argparse.ArgumentParser(prog="compact_lake", description=__doc__).parse_args(arguments)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    if not is_local(names.lake):
        raise SettingsError(f"{names.lake} is no local folder: run Delta's OPTIMIZE and VACUUM there.")
    for table in all_tables():
        path = names.table(table)
        if Path(path).is_dir():
            sys.stdout.write(json.dumps({"table": table, **asdict(compact_table(path))}) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
