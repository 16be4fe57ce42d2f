"""The one frozen settings tree, and the only reader of YAML and of the environment."""

from pipelines.settings.folder import conf_dir
from pipelines.settings.gold import Attribution
from pipelines.settings.load import child_environment, load_settings
from pipelines.settings.sections import Secret
from pipelines.settings.tree import Binding, Settings, Stream, TableStream

__all__ = [
    "Attribution",
    "Binding",
    "Secret",
    "Settings",
    "Stream",
    "TableStream",
    "child_environment",
    "conf_dir",
    "load_settings",
]
