"""Pass the clicks of VIPs on within milliseconds: Kafka to Kafka, in Real-Time Mode, until SIGTERM."""

import argparse
import sys
from collections.abc import Sequence

from jobs.entry import run_job
from pipelines.runtime.vips.driver import run_route
from pipelines.settings import Settings


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Run the route in this driver; `--micro-batch` where `vip.python_function` is to be called."""
    parser = argparse.ArgumentParser(prog="route_vips", description=__doc__)
    parser.add_argument("--micro-batch", action="store_true", help="batches; Python functions can be called")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="for the services")
    options = parser.parse_args(arguments)
    run_route(settings, micro_batch=options.micro_batch, wait_seconds=options.wait)


if __name__ == "__main__":
    sys.exit(run_job(run))
