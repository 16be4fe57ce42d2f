"""Make the lists of products to name as alternatives and as complements, of all that silver has."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import get_args

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.gold.related.rules import Measure
from pipelines.runtime.embedded import postgres_endpoint
from pipelines.runtime.marts import require_silver
from pipelines.runtime.related import build_related, related_rules
from pipelines.runtime.streams.session import open_session
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line of JSON. `--evaluate` also measures hit rates, and keeps them."""
    parser = argparse.ArgumentParser(prog="build_related", description=__doc__)
    parser.add_argument(
        "--evaluate",
        nargs="*",
        choices=get_args(Measure),
        metavar="MEASURE",
        help="measure how often lists of earlier visits hit in later ones, by the measure of the settings "
        "or by these",
    )
    options = parser.parse_args(arguments)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    require_silver(names)
    postgres = postgres_endpoint(settings, names=names).address()
    rules = related_rules(settings)
    asked = options.evaluate
    evaluate = [rules.measure] if asked == [] else asked or []
    spark = open_session(settings, names, app="build_related")
    done = build_related(spark, names, rules=rules, postgres=postgres, evaluate=evaluate)
    spark.stop()
    sys.stdout.write(json.dumps(done.as_data()) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
