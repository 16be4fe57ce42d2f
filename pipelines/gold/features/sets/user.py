"""A visitor over all visits, or the visitors of a user as one. Lasting: tastes outlive a purchase."""

from pipelines.gold.features.aggregates.distinct import Distinct
from pipelines.gold.features.aggregates.sums import Count
from pipelines.gold.features.aggregates.top import Top
from pipelines.gold.features.feature_set import Feature, FeatureSet
from pipelines.gold.features.parts_of_shop import (
    EVERY_WINDOW,
    KEPT,
    PRICE_RANGE,
    RECENCY,
    SHARES,
    USER,
    VIEWS,
    counts,
    prices,
)
from pipelines.gold.features.values import kinds

SET = FeatureSet(
    name="user",
    version=1,
    entity=USER,
    meaning="what a visitor, or a known user in all browsers, has done",
    features=(
        *counts(EVERY_WINDOW),
        *prices(EVERY_WINDOW),
        *PRICE_RANGE,
        *RECENCY,
        Feature("products", Distinct("product_id"), "different products"),
        Feature("sessions", Distinct("session_id"), "different sessions"),
        Feature("failed_payments", Count(kinds("payment_failed")), "order lines whose payment failed"),
        Feature("refunds", Count(kinds("order_refunded")), "order lines that were refunded"),
        Feature("top_category", Top("category", VIEWS), "category viewed most often"),
    ),
    ratios=SHARES,
    ttl=KEPT,
    snapshots=True,
)
