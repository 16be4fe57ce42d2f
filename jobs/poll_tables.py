"""Poll tables of an existing Postgres database into the topics of users, products and offers."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict

import structlog

from jobs.entry import run_job
from pipelines.runtime.polling.run import run_polls
from pipelines.runtime.polling.table import PollReport
from pipelines.runtime.signals import stop_on
from pipelines.settings import Settings

log = structlog.get_logger(__name__)


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Poll until SIGTERM; with `--once` every table once, and one JSON line each."""
    parser = argparse.ArgumentParser(prog="poll_tables", description=__doc__)
    parser.add_argument("--once", action="store_true", help="poll every table once, then end")
    once = parser.parse_args(arguments).once

    def tell(topic: str, report: PollReport) -> None:
        if once:
            sys.stdout.write(json.dumps({"topic": topic, **asdict(report)}) + "\n")
        else:
            log.info("polled", topic=topic, **asdict(report))

    run_polls(settings, once=once, stop=stop_on(signal.SIGINT, signal.SIGTERM), told=tell)


if __name__ == "__main__":
    sys.exit(run_job(run))
