"""The feature sets of the benchmark of training frames; `pit_duckdb` says the same in SQL."""

from pipelines.gold.features.aggregates.extremes import Max, Min
from pipelines.gold.features.aggregates.moments import SinceFirst, SinceLast
from pipelines.gold.features.aggregates.sums import Count, Mean, Sum
from pipelines.gold.features.feature_set import Entity, Feature, FeatureSet, Ratio, Ttl
from pipelines.gold.features.values import kinds
from pipelines.gold.features.windows import LAST_DAY, LAST_WEEK, LIFETIME, Window

_VIEWS, _CARTS, _PURCHASES = kinds("product_view"), kinds("add_to_cart"), kinds("purchase")


def _set(name: str, keys: tuple[str, ...], windows: tuple[Window, ...]) -> FeatureSet:
    return FeatureSet(
        name=name,
        version=1,
        entity=Entity(name, keys),
        meaning="counts, sums, means, ratios, extremes and recency",
        features=(
            Feature("events", Count(), "events", windows),
            Feature("views", Count(_VIEWS), "views", windows),
            Feature("carts", Count(_CARTS), "carts", windows),
            Feature("purchases", Count(_PURCHASES), "purchases", windows),
            Feature("spent", Sum("price_minor", _PURCHASES), "spent", windows),
            Feature("price", Mean("price_minor", _VIEWS), "mean price of the views", windows),
            Feature("cheapest", Min("price_minor", _VIEWS), "least price viewed", windows),
            Feature("dearest", Max("price_minor", _VIEWS), "greatest price viewed", windows),
            Feature("recency", SinceLast(_VIEWS), "seconds since the last view"),
            Feature("age", SinceFirst(), "seconds since the first event"),
        ),
        ratios=(
            Ratio("cart_rate", "carts", "views", "carts of views"),
            Ratio("purchase_rate", "purchases", "views", "purchases of views"),
        ),
        ttl=Ttl(days=30, days_after_purchase=1),
    )


_ALL = (LIFETIME, LAST_DAY, LAST_WEEK)
SETS = (
    _set("user", ("visitor_id",), _ALL),
    _set("product", ("product_id",), _ALL),
    _set("session", ("visitor_id", "session_id"), (LIFETIME,)),
)
