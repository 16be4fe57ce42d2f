"""The reader of raw records as the settings want them read: mappings, enrichment, pseudonyms."""

import re

from pipelines.connectors.mapping import LiveTranslator, load_mapping
from pipelines.contracts.topics import all_topics
from pipelines.errors import SettingsError
from pipelines.settings import Settings, conf_dir
from pipelines.settings.enrichment import enrichment_of
from pipelines.silver.reading import RecordReader

_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")


def record_reader(settings: Settings) -> RecordReader:
    """The reader for the stream, for re-drives and for the oracle. Raises `MappingError`, `SettingsError`."""
    _check_bindings(settings)
    folder = conf_dir() / "mappings"
    mapped = {one.topic: load_mapping(one.mapping, folder=folder) for one in settings.bindings}
    translators = {topic: LiveTranslator(mapping) for topic, mapping in mapped.items()}
    return RecordReader(translators, enrichment_of(settings))


def _check_bindings(settings: Settings) -> None:
    """Raise `SettingsError` for a topic that cannot be bound, or that is bound twice."""
    bound: set[str] = set()
    for topic in (one.topic for one in settings.bindings):
        if topic in all_topics():
            raise SettingsError(f"bindings: `{topic}` has the documented shape and needs no mapping.")
        if topic in bound:
            raise SettingsError(f"bindings: `{topic}` is bound twice; one topic has one mapping.")
        if not _TOPIC_NAME.fullmatch(topic):
            raise SettingsError(f"bindings: `{topic}` is no name of a Kafka topic.")
        bound.add(topic)
