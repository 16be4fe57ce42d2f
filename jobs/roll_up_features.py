"""Join what many batches added to the feature sets, and write every entity's latest values."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.errors import SettingsError
from pipelines.runtime.features.upkeep import kept_sets, roll_up, write_latest
from pipelines.runtime.streams.session import open_session
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line of JSON: set → rows of partials before and after, entities that live."""
    parser = argparse.ArgumentParser(prog="roll_up_features", description=__doc__)
    parser.add_argument("--keep-batches", type=int, default=600, help="the newest stay as they are")
    parser.add_argument("--partitions", type=int, default=2, help="parts that a set is done in")
    options = parser.parse_args(arguments)
    if options.keep_batches < 1 or options.partitions < 1:
        raise SettingsError("--keep-batches and --partitions take at least 1")
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    spark = open_session(settings, names, app="roll_up_features")
    now, parts = datetime.now(UTC), options.partitions
    done = {}
    for one in kept_sets(spark, names):
        rolled = roll_up(spark, names, one, keep_batches=options.keep_batches, now=now, parts=parts)
        done[one.name] = rolled | {"living": write_latest(spark, names, one, now=now, parts=parts)}
    spark.stop()
    sys.stdout.write(json.dumps(done) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
