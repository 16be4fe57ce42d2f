"""A product and one user over all visits. Lasting: what was bought last year is bought again."""

from pipelines.gold.features.aggregates.distinct import Distinct
from pipelines.gold.features.feature_set import Feature, FeatureSet
from pipelines.gold.features.parts_of_shop import (
    KEPT,
    PRICE_RANGE,
    RECENCY,
    SHARES,
    USER_PRODUCT,
    counts,
    prices,
)

SET = FeatureSet(
    name="user_product",
    version=1,
    entity=USER_PRODUCT,
    meaning="what a visitor, or a known user in all browsers, has done with a product",
    features=(
        *counts(),
        *prices(),
        *PRICE_RANGE,
        *RECENCY,
        Feature("sessions", Distinct("session_id"), "different sessions"),
    ),
    ratios=SHARES,
    ttl=KEPT,
    snapshots=True,
)
