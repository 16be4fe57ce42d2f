"""Prove that the lake equals, row by row, what plain Python makes of Kafka's records; exit 1 when not."""

import argparse
import json
import sys
from collections.abc import Sequence

from jobs.entry import run_job, writable_file
from pipelines.connectors.names import Names
from pipelines.errors import CheckFailed
from pipelines.runtime.embedded import endpoints
from pipelines.runtime.reading import record_reader
from pipelines.runtime.streams.oracle_check import compare_with_oracle
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line per table; `--report FILE` writes the same as JSON. Needs Kafka, no Spark."""
    parser = argparse.ArgumentParser(prog="compare_with_oracle", description=__doc__)
    parser.add_argument("--report", type=writable_file, help="write the result as JSON")
    options = parser.parse_args(arguments)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    bootstrap = endpoints(settings, names=names).kafka
    result = compare_with_oracle(record_reader(settings), names, bootstrap=bootstrap)
    for table, found in result.tables.items():
        sys.stdout.write(json.dumps({"table": table, **found}) + "\n")
    if options.report:
        options.report.write_text(json.dumps(result.as_data()))
    if not result.holds:
        raise CheckFailed("the lake is not what its records make: see the rows missing and extra.")


if __name__ == "__main__":
    sys.exit(run_job(run))
