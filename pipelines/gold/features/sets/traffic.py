"""Where a visitor's visits come from, by what `conf/traffic_sources.yaml` makes of them.

A click that says nothing of it has no part in the sources; `first` and `last` are of the first and last
click that says so, each column for itself. Lasting: a year later one may still come by the first newsletter.
"""

from pipelines.gold.features.aggregates.distinct import Distinct
from pipelines.gold.features.aggregates.moments import First, Last
from pipelines.gold.features.feature_set import Feature, FeatureSet
from pipelines.gold.features.parts_of_shop import KEPT, MEDIUMS, VISITOR
from pipelines.gold.features.values import equal

_NAMES = {"source": "source", "medium": "kind of source", "campaign": "campaign"}

SET = FeatureSet(
    name="traffic",
    version=1,
    entity=VISITOR,
    meaning="where a visitor's visits come from",
    features=(
        *(Feature(f"first_{one}", First(f"traffic_{one}"), f"first {said}") for one, said in _NAMES.items()),
        *(Feature(f"last_{one}", Last(f"traffic_{one}"), f"last {said}") for one, said in _NAMES.items()),
        Feature("sources", Distinct("traffic_source"), "different sources"),
        Feature("campaigns", Distinct("traffic_campaign"), "different campaigns"),
        Feature("visits", Distinct("session_id"), "different sessions"),
        *(
            Feature(
                f"visits_{medium}", Distinct("session_id", equal("traffic_medium", medium)), f"visits {said}"
            )
            for medium, said in MEDIUMS.items()
        ),
    ),
    ttl=KEPT,
)
