"""Make sessions, funnels, paths and cohorts of what silver has since the last run."""

import argparse
import json
import sys
from collections.abc import Sequence

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.runtime.embedded import postgres_endpoint
from pipelines.runtime.marts import build_marts, mart_rules, only_run, require_silver
from pipelines.runtime.streams.session import open_session
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line of JSON: rows of each mart, days written. `--full` makes everything anew."""
    parser = argparse.ArgumentParser(prog="build_marts", description=__doc__)
    parser.add_argument("--full", action="store_true", help="make all days anew, whatever has changed")
    options = parser.parse_args(arguments)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    require_silver(names)
    postgres = postgres_endpoint(settings, names=names).address()
    with only_run(names):
        spark = open_session(settings, names, app="build_marts")
        done = build_marts(spark, names, rules=mart_rules(settings), full=options.full, postgres=postgres)
        spark.stop()
    sys.stdout.write(json.dumps(done.as_data()) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
