"""Carry every feature set to the last midnight, so that training reads what came since and no history."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.errors import SettingsError
from pipelines.gold.features.windows import MICROS
from pipelines.runtime.features.carrying import carry
from pipelines.runtime.marts import require_silver
from pipelines.runtime.streams.session import open_session
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line of JSON: set → rows that are carried."""
    parser = argparse.ArgumentParser(prog="carry_features", description=__doc__)
    parser.add_argument("--partitions", type=int, default=4, help="parts that a set is done in")
    options = parser.parse_args(arguments)
    if options.partitions < 1:
        raise SettingsError(f"--partitions {options.partitions}: it takes at least one")
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    require_silver(names)
    spark = open_session(settings, names, app="carry_features")
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    done = carry(spark, names, midnight=int(today.timestamp()) * MICROS, partitions=options.partitions)
    spark.stop()
    sys.stdout.write(json.dumps(done) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
