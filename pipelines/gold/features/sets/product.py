"""A product and all who look at it. Lasting: also what sells once a year has a history."""

from pipelines.gold.features.aggregates.distinct import Distinct
from pipelines.gold.features.feature_set import Feature, FeatureSet
from pipelines.gold.features.parts_of_shop import (
    EVERY_WINDOW,
    KEPT,
    PRICE_RANGE,
    PRODUCT,
    RECENCY,
    SHARES,
    counts,
    prices,
)

SET = FeatureSet(
    name="product",
    version=1,
    entity=PRODUCT,
    meaning="what all visitors have done with a product",
    features=(
        *counts(EVERY_WINDOW),
        *prices(EVERY_WINDOW),
        *PRICE_RANGE,
        *RECENCY,
        Feature("visitors", Distinct("visitor_id"), "different visitors"),
        Feature("sessions", Distinct("session_id"), "different sessions"),
    ),
    ratios=SHARES,
    ttl=KEPT,
    snapshots=True,
)
