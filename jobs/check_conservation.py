"""Prove that every bronze position has exactly one fate, per topic and day; exit 1 when not."""

import argparse
import json
import sys
from collections.abc import Sequence

from jobs.entry import run_job, writable_file
from pipelines.connectors.names import Names
from pipelines.errors import CheckFailed
from pipelines.runtime.embedded import broker_of
from pipelines.runtime.streams.conservation_check import check_lake
from pipelines.runtime.streams.session import open_session
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line per topic and day; `--report FILE` writes the same as JSON."""
    parser = argparse.ArgumentParser(prog="check_conservation", description=__doc__)
    parser.add_argument("--report", type=writable_file, help="write the result as JSON")
    options = parser.parse_args(arguments)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    spark = open_session(settings, names, app="check_conservation")
    result = check_lake(spark, names, bootstrap=broker_of(settings, names))
    spark.stop()
    for row in [*result.days, *result.gaps, *result.late_repeats]:
        sys.stdout.write(json.dumps(row) + "\n")
    if options.report:
        options.report.write_text(json.dumps(result.as_data()))
    if not result.holds:
        raise CheckFailed("conservation does not hold: see the rows that are not sound.")


if __name__ == "__main__":
    sys.exit(run_job(run))
