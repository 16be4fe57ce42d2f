"""Linear: the same to every touch."""

from pipelines.gold.attribution.apportionment import credits_by_source
from pipelines.gold.attribution.models import Credits, Model
from pipelines.gold.attribution.touches import Path


def _credit(path: Path) -> Credits:
    return credits_by_source(path.touches, [1] * len(path.touches))


MODEL = Model(name="linear", title="Linear", credit=_credit)
