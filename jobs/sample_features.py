"""Read features now and then as a scorer would, and log what was read, to prove it by check_consistency."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence

from jobs.entry import run_job
from pipelines.connectors.names import Names
from pipelines.contracts.topics import all_topics
from pipelines.errors import SettingsError
from pipelines.gold.features.event import TABLES
from pipelines.runtime.embedded import endpoints
from pipelines.runtime.features.sampling import Sources, newest_event, now, sample
from pipelines.runtime.reading import record_reader
from pipelines.runtime.signals import stop_on
from pipelines.settings import Settings

_CLOCKS = {"now": now, "newest-event": newest_event}


def run(settings: Settings, arguments: Sequence[str]) -> None:
    """Sample until SIGTERM, or for so many seconds; print one line of JSON. Needs no Spark."""
    parser = argparse.ArgumentParser(prog="sample_features", description=__doc__)
    parser.add_argument("--seconds", type=float, help="end after so long")
    parser.add_argument("--rate", type=float, default=20, help="reads a second")
    parser.add_argument("--at", choices=_CLOCKS, default="now", help="the moment that values are read for")
    parser.add_argument("--seed", type=int, default=7, help="of the choice of entities")
    options = parser.parse_args(arguments)
    if options.rate <= 0 or (options.seconds is not None and options.seconds <= 0):
        raise SettingsError("--rate and --seconds take numbers above 0")
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    services = endpoints(settings, names=names)
    topics = [topic.name for topic in all_topics().values() if topic.table in TABLES]
    topics += [one.topic for one in settings.bindings]
    sources = Sources(services.kafka, topics, record_reader(settings), services.postgres.address())
    stop = stop_on(signal.SIGINT, signal.SIGTERM)
    if options.seconds is not None:
        timer = threading.Timer(options.seconds, stop.set)
        timer.daemon = True
        timer.start()
    clock = _CLOCKS[options.at]
    done = sample(sources, names, rate=options.rate, seed=options.seed, clock=clock, stop=stop)
    sys.stdout.write(json.dumps(done._asdict()) + "\n")


if __name__ == "__main__":
    sys.exit(run_job(run))
