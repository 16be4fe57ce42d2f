"""Fill Postgres' feature tables from the lake, as they were after a batch; stop the streams before."""

import argparse
import json
import sys
from collections.abc import Sequence

from jobs.entry import run_job
from pipelines.connectors.names import UPDATE_FEATURES, Names
from pipelines.runtime.embedded import postgres_endpoint
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.features.rebuild import rebuild_online
from pipelines.runtime.streams.session import open_session
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Print one line of JSON: the batch, rows of each set, how long."""
    parser = argparse.ArgumentParser(prog="rebuild_online", description=__doc__)
    parser.add_argument("--at", type=int, metavar="BATCH", help="as it was after that batch; else the newest")
    parser.add_argument("--partitions", type=int, default=4, help="parts that the lake is read in")
    options = parser.parse_args(arguments)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    postgres = postgres_endpoint(settings, names=names).address()
    with held(names.var_dir / "run" / f"{UPDATE_FEATURES}.lock", limit_seconds=0):
        spark = open_session(settings, names, app="rebuild_online")
        made = rebuild_online(spark, names, postgres, at=options.at, partitions=options.partitions)
        spark.stop()
    sys.stdout.write(json.dumps(made) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
