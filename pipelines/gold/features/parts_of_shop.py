"""What the feature sets of a shop share: whose features, what is counted, and for how long it is kept.

Money is in minor units, of the one currency that a shop's feature sets are about; an order line's price is
that of one piece. A purchase is a line of an order, counted when it is paid and at no other time.
"""

from collections.abc import Sequence

from pipelines.gold.features.aggregates.extremes import Max, Min
from pipelines.gold.features.aggregates.moments import SinceFirst, SinceLast
from pipelines.gold.features.aggregates.sums import Count, Mean, Sum
from pipelines.gold.features.feature_set import PURCHASE, Entity, Feature, Ratio, Ttl
from pipelines.gold.features.values import Where, kinds
from pipelines.gold.features.windows import LIFETIME, TRAILING, Window

VISITOR = Entity("visitor", ("visitor_id",))
USER = Entity("user", ("visitor_id",), by_user=True)
USER_PRODUCT = Entity("user and product", ("visitor_id", "product_id"), by_user=True)
SESSION = Entity("session", ("visitor_id", "session_id"))
SESSION_PRODUCT = Entity("session and product", ("visitor_id", "session_id", "product_id"))
PRODUCT = Entity("product", ("product_id",))

VISIT = Ttl(days=30, days_after_purchase=1)
"""For what belongs to one visit: over a day after it led to a purchase, else once nobody comes back to it."""
KEPT = Ttl(days=400)
"""For what lasts: as long as raw records are kept. What is older could not be made again to compare."""

VIEWS = kinds("product_view")
CARTS = kinds("add_to_cart")
REMOVALS = kinds("remove_from_cart")
BOUGHT = kinds(PURCHASE)
MEDIUMS = {
    "none": "without a source",
    "organic": "from search engines",
    "cpc": "from paid search",
    "social": "from social networks",
    "paid_social": "from advertisements in social networks",
    "display": "from banners",
    "video": "from videos",
    "email": "from e-mails",
    "affiliate": "from affiliates",
    "referral": "from other sites",
    "ai": "from answers of assistants",
}
"""Kinds of sources, as `conf/traffic_sources.yaml` names them, and how visits come by each."""
ALWAYS: Sequence[Window] = (LIFETIME,)
EVERY_WINDOW: Sequence[Window] = (LIFETIME, *TRAILING)


def counts(windows: Sequence[Window] = ALWAYS) -> tuple[Feature, ...]:
    """How often something happened."""
    counted = (
        ("events", Count(), "events of any kind, clicks and states of order lines"),
        ("views", Count(VIEWS), "views of products' pages"),
        ("carts", Count(CARTS), "times that a product was put into the cart"),
        ("removals", Count(REMOVALS), "times that a product was taken out of the cart"),
        ("purchases", Count(BOUGHT), "order lines that have been paid"),
    )
    return tuple(Feature(name, count, meaning, tuple(windows)) for name, count, meaning in counted)


SHARES = (
    Ratio("views_per_event", "views", "events", "views / events"),
    Ratio("carts_per_event", "carts", "events", "carts / events"),
    Ratio("purchases_per_event", "purchases", "events", "purchases / events"),
    Ratio("carts_per_view", "carts", "views", "carts / views"),
    Ratio("purchases_per_view", "purchases", "views", "purchases / views"),
    Ratio("purchases_per_cart", "purchases", "carts", "purchases / carts"),
)
"""The six ratios between what `counts` counts."""


def prices(windows: Sequence[Window] = ALWAYS) -> tuple[Feature, ...]:
    """Sums and means of what was viewed, put into the cart, and bought."""
    return (
        *_prices("view", VIEWS, "product views", windows),
        *_prices("cart", CARTS, "products put into the cart", windows),
        *_prices("purchase", BOUGHT, "order lines that have been paid", windows),
    )


PRICE_RANGE = (
    Feature("price_min", Min("price_minor", VIEWS), "lowest price viewed, in minor units"),
    Feature("price_max", Max("price_minor", VIEWS), "highest price viewed, in minor units"),
)

RECENCY = (
    Feature("seconds_since_first_event", SinceFirst(), "seconds since the first event"),
    Feature("seconds_since_last_event", SinceLast(), "seconds since the last event"),
    Feature("seconds_since_last_view", SinceLast(VIEWS), "seconds since a product was last viewed"),
    Feature(
        "seconds_since_last_cart", SinceLast(CARTS), "seconds since a product was last put into the cart"
    ),
    Feature("seconds_since_last_purchase", SinceLast(BOUGHT), "seconds since an order line was last paid"),
)


def _prices(what: str, where: Where, meaning: str, windows: Sequence[Window]) -> tuple[Feature, ...]:
    total, mean = Sum("price_minor", where), Mean("price_minor", where)
    return (
        Feature(f"{what}_price_sum", total, f"sum of prices of {meaning}, in minor units", tuple(windows)),
        Feature(f"{what}_price_mean", mean, f"mean price of {meaning}, in minor units", tuple(windows)),
    )
