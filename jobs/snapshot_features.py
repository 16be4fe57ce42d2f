"""Write what the daily feature sets said at each of the last midnights; late events mend them."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.errors import SettingsError
from pipelines.runtime.features.upkeep import kept_sets, write_midnight, yesterdays
from pipelines.runtime.streams.session import open_session
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line of JSON: set → day → entities that lived at its end."""
    parser = argparse.ArgumentParser(prog="snapshot_features", description=__doc__)
    parser.add_argument("--days", type=int, default=2, help="how many days back are written anew")
    parser.add_argument("--partitions", type=int, default=2, help="parts that a set is done in")
    options = parser.parse_args(arguments)
    if options.days < 1 or options.partitions < 1:
        raise SettingsError("--days and --partitions take at least 1")
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    spark = open_session(settings, names, app="snapshot_features")
    days, parts = yesterdays(datetime.now(UTC), options.days), options.partitions
    done = {
        one.name: {str(day): write_midnight(spark, names, one, day=day, parts=parts) for day in days}
        for one in kept_sets(spark, names)
        if one.snapshots
    }
    spark.stop()
    sys.stdout.write(json.dumps(done) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
