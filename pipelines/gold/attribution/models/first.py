"""First touch: all to the source that began the path."""

from pipelines.gold.attribution.apportionment import credits_by_source
from pipelines.gold.attribution.models import Credits, Model
from pipelines.gold.attribution.touches import Path


def _credit(path: Path) -> Credits:
    return credits_by_source(path.touches[:1], [1] * len(path.touches[:1]))


MODEL = Model(name="first", title="First touch", credit=_credit)
