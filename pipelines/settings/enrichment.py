"""The enrichment of silver rows as the settings have it."""

from pipelines.settings.folder import conf_dir
from pipelines.settings.traffic import load_traffic_rules
from pipelines.settings.tree import Settings
from pipelines.silver.enrichment import Enrichment, Pseudonyms


def enrichment_of(settings: Settings) -> Enrichment:
    """Enrichment by `conf/traffic_sources.yaml` and the settings `privacy`. Raises `SettingsError`."""
    privacy = settings.privacy
    pseudonyms = None
    if privacy.key is not None:
        pseudonyms = Pseudonyms(privacy.key.reveal(), tuple(privacy.fields))
    return Enrichment(load_traffic_rules(conf_dir()), pseudonyms)
