"""Build the history of a feature set that is new, while the streams run; they take it in by themselves."""

import argparse
import json
import sys
from collections.abc import Sequence

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.errors import SettingsError
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.embedded import postgres_endpoint
from pipelines.runtime.features.build import build_set
from pipelines.runtime.streams.session import open_session
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line of JSON: up to which batch, how many partials, how long."""
    parser = argparse.ArgumentParser(prog="build_features", description=__doc__)
    parser.add_argument("set", help="its name")
    parser.add_argument("--partitions", type=int, default=4, help="parts that history is made in")
    options = parser.parse_args(arguments)
    sets = all_sets()
    if options.set not in sets:
        raise SettingsError(f"there is no feature set `{options.set}`; the sets are {', '.join(sets)}")
    if options.partitions < 1:
        raise SettingsError(f"--partitions {options.partitions}: it takes at least one")
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    postgres = postgres_endpoint(settings, names=names).address()
    spark = open_session(settings, names, app="build_features")
    made = build_set(spark, names, postgres, sets[options.set], partitions=options.partitions)
    spark.stop()
    sys.stdout.write(json.dumps(made) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
