"""Feature sets, one file each: `SET` of the module is found by the module's name."""

from pipelines.contracts.plugins import plugins
from pipelines.gold.features.feature_set import FeatureSet


def all_sets() -> dict[str, FeatureSet]:
    """Every feature set by name. One whose file is new since the last call is among them."""
    return plugins(__name__, __path__, attribute="SET", kind=FeatureSet)
