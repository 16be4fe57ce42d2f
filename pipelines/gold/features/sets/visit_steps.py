"""A visit's steps: how often what was done in it, and which kind of source it came from.

Beside `session`, which counts products and prices: who searches and who compares lists is told apart by
how often each is done. What has no such step in a shop is 0 there.
"""

from pipelines.gold.features.aggregates.sums import Count, Seen
from pipelines.gold.features.feature_set import Feature, FeatureSet
from pipelines.gold.features.parts_of_shop import MEDIUMS, SESSION, VISIT
from pipelines.gold.features.values import equal, kinds

_STEPS = (
    ("pages", "page_view", "pages opened that are neither a product nor a list"),
    ("lists", "product_list_view", "lists of products shown"),
    ("searches", "search", "searches made"),
    ("cart_views", "cart_view", "times that the cart was opened"),
    ("wishes", "wishlist_add", "products put on the wish list"),
    ("interactions", "interaction", "other clicks on parts of a page"),
    ("offers_shown", "offer_impression", "offers shown"),
    ("offers_clicked", "offer_click", "offers clicked"),
)
_ELEMENTS = {
    "sort_by": "times that a list was sorted",
    "list_size_dropdown": "times that a list's length was changed",
    "image_picker": "looks through a product's pictures",
    "promo_banner_click": "clicks on a banner",
    "basket_icon_click": "clicks on the cart's icon",
    "closed_minibasket_click": "times that the small view of the cart was closed",
    "account_page_click": "clicks on the account",
    "saw_account_upgrade": "times that a better account was offered",
    "saw_sizecharts": "looks at the size charts",
    "saw_delivery": "looks at the page about delivery",
    "checked_delivery_detail": "times that delivery was read about on a product's page",
    "checked_returns_detail": "times that returns were read about on a product's page",
}

SET = FeatureSet(
    name="visit_steps",
    version=1,
    entity=SESSION,
    meaning="which steps were taken in a visit, how often, and where it came from",
    features=(
        *(Feature(name, Count(kinds(kind)), meaning) for name, kind, meaning in _STEPS),
        *(Feature(name, Count(equal("element", name)), meaning) for name, meaning in _ELEMENTS.items()),
        *(
            Feature(f"from_{medium}", Seen(equal("traffic_medium", medium)), f"came {said}")
            for medium, said in MEDIUMS.items()
        ),
    ),
    ttl=VISIT,
)
