"""A re-drive of a lake: its dead letters, its broker, and today's parser with all bound mappings."""

import time
from contextlib import ExitStack

from pipelines.connectors.kafka import Producer, end_offsets
from pipelines.connectors.kafka_reader import records_between
from pipelines.connectors.lake_reader import LakeReader, covered
from pipelines.connectors.names import LAND_BRONZE, Names
from pipelines.contracts.lake import BRONZE
from pipelines.contracts.topics import all_topics
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.embedded.stack import endpoints
from pipelines.runtime.reading import record_reader
from pipelines.runtime.redrive import (
    Redriver,
    RedriveReport,
    Selection,
    in_chunks,
    origins_sent,
    selected_topics,
    tail_of_kafka,
)
from pipelines.settings import Settings

_LOCK_SECONDS = 5.0


def redrive_lake(
    settings: Settings, selection: Selection, *, limit: int | None = None, dry_run: bool = False
) -> RedriveReport:
    """Send the selected dead letters again that now parse, `limit` at most; a dry run only counts them.

    Raises `SettingsError` on a selection that cannot be, `LakeError` without a lake, `ServiceError`
    when Kafka does not answer or another re-drive runs.
    """
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    parser = record_reader(settings)
    topics = frozenset(all_topics()) | {binding.topic for binding in settings.bindings}
    selection.check(topics)
    with ExitStack() as stack:
        stack.enter_context(held(names.var_dir / "run" / "redrive.lock", limit_seconds=_LOCK_SECONDS))
        landed = covered(names, [BRONZE.name], query=LAND_BRONZE)  # before the tables: what they hold beyond
        reader = LakeReader(names)  # it is read twice, never not at all
        letters = selection.of(reader)
        found = selected_topics(letters)
        if not found:
            return RedriveReport()
        kafka = endpoints(settings, names=names).kafka
        ends = end_offsets(kafka, found)
        tail = records_between(kafka, tail_of_kafka(landed, ends, bootstrap=kafka), ends)
        origins = origins_sent(reader, tail, since=min(found.values()))
        sink = None
        if not dry_run:
            sink = stack.enter_context(Producer(kafka, max_message_bytes=settings.kafka.max_message_bytes))
        redriver = Redriver(parser, topics, origins, sink, limit)
        return redriver.run(in_chunks(letters), now=time.time_ns() // 1000)
