"""Load what advertising cost from a CSV file, for the return on it by source."""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import connect, migrate
from pipelines.errors import SettingsError
from pipelines.runtime.attribution.spend import read_spend, store_spend
from pipelines.runtime.embedded import postgres_endpoint
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Replace the spend of the file's days. Prints one line of JSON. Needs Postgres, no Spark."""
    parser = argparse.ArgumentParser(prog="load_spend", description=__doc__)
    parser.add_argument("file", type=Path, help="CSV with day, source, amount; medium and campaign if known")
    parser.add_argument("--currency", default="EUR", help="ISO 4217 code of the amounts")
    options = parser.parse_args(arguments)
    if not re.fullmatch("[A-Z]{3}", options.currency):
        raise SettingsError(f"--currency: `{options.currency}` is no ISO 4217 code such as EUR.")
    rows = read_spend(options.file, currency=options.currency)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    with connect(postgres_endpoint(settings, names=names).address()) as connection:
        migrate(connection)
        store_spend(connection, rows, currency=options.currency)
    total = sum(one.amount_minor for one in rows)
    sys.stdout.write(json.dumps({"rows": len(rows), "amount_minor": total}) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
