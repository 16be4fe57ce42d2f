"""Last touch that is not direct; when every touch is direct, the last one."""

from pipelines.gold.attribution.apportionment import credits_by_source
from pipelines.gold.attribution.models import Credits, Model
from pipelines.gold.attribution.touches import Path


def _credit(path: Path) -> Credits:
    named = [touch for touch in path.touches if not touch.is_direct]
    last = (named or path.touches)[-1:]
    return credits_by_source(last, [1] * len(last))


MODEL = Model(name="last_non_direct", title="Last non-direct touch", credit=_credit)
