"""A product within a visit: will it be bought in it? Forgotten with the visit."""

from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.parts_of_shop import (
    PRICE_RANGE,
    RECENCY,
    SESSION_PRODUCT,
    SHARES,
    VISIT,
    counts,
    prices,
)

SET = FeatureSet(
    name="session_product",
    version=1,
    entity=SESSION_PRODUCT,
    meaning="what was done with a product in a visit",
    features=(*counts(), *prices(), *PRICE_RANGE, *RECENCY),
    ratios=SHARES,
    ttl=VISIT,
)
