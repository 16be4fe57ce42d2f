"""The reader of raw records as the settings want them read: mappings, enrichment, pseudonyms."""

from pipelines.connectors.mapping import LiveTranslator, load_mapping
from pipelines.settings import Settings, conf_dir
from pipelines.settings.enrichment import enrichment_of
from pipelines.silver.reading import RecordReader


def record_reader(settings: Settings) -> RecordReader:
    """The reader for the stream, for re-drives and for the oracle. Raises `MappingError`, `SettingsError`."""
    folder = conf_dir() / "mappings"
    mapped = {one.topic: load_mapping(one.mapping, folder=folder) for one in settings.bindings}
    translators = {topic: LiveTranslator(mapping) for topic, mapping in mapped.items()}
    return RecordReader(translators, enrichment_of(settings))
