"""History: old events from files into Kafka, at once, their times as they are."""

import signal
from collections.abc import Sequence
from pathlib import Path

from pipelines.connectors.mapping import check_files, load_mapping, open_files
from pipelines.connectors.names import Names
from pipelines.errors import MappingError, ServiceError, SettingsError
from pipelines.runtime.embedded import endpoints
from pipelines.runtime.feeds.disturbance import Disturbance
from pipelines.runtime.feeds.feed import FeedReport
from pipelines.runtime.feeds.replay import ReplayPlan
from pipelines.runtime.feeds.sending import send_to_kafka
from pipelines.runtime.signals import stop_on
from pipelines.settings import Settings, conf_dir

_UNDISTURBED = Disturbance(0, 0, 0, seed=0)


def send_history(settings: Settings, files: Sequence[Path], mapping_name: str | None) -> FeedReport | None:
    """Send the rows of the files; nothing without files. Raises `SettingsError`, `ServiceError`."""
    if bool(files) != bool(mapping_name):
        raise SettingsError("files and --mapping go together: say how the files are to be read.")
    if mapping_name is None:
        return None
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    mapping = load_mapping(mapping_name, folder=conf_dir() / "mappings")
    check_files(files)
    stop = stop_on(signal.SIGINT, signal.SIGTERM)
    with open_files(mapping, files, scratch=names.scratch) as mapped:
        if not mapped.counts():
            raise MappingError(f"no select of {mapping.source} takes a row of the files; nothing was sent.")
        bootstrap = endpoints(settings, names=names).kafka
        deliveries, _ = ReplayPlan(None, None, _UNDISTURBED).deliveries(mapped)
        report = send_to_kafka(deliveries, bootstrap, settings.kafka, speed=None, stop=stop)
    if report.ended != "exhausted":
        raise ServiceError(
            report.error or "stopped before all was sent; run it again: copies are recognised."
        )
    return report
