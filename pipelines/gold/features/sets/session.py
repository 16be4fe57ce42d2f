"""A visit: what a decision within it goes by. It is over a day after its purchase, or 30 days idle."""

from pipelines.gold.features.aggregates.distinct import Distinct
from pipelines.gold.features.feature_set import Feature, FeatureSet
from pipelines.gold.features.parts_of_shop import PRICE_RANGE, RECENCY, SESSION, SHARES, VISIT, counts, prices

SET = FeatureSet(
    name="session",
    version=1,
    entity=SESSION,
    meaning="what was done in a visit",
    features=(
        *counts(),
        *prices(),
        *PRICE_RANGE,
        *RECENCY,
        Feature("products", Distinct("product_id"), "different products"),
        Feature("categories", Distinct("category"), "different categories"),
        Feature("elements", Distinct("element"), "different parts of the page that were used"),
    ),
    ratios=SHARES,
    ttl=VISIT,
)
