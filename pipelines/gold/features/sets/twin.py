"""A visitor's twin: the flags that a checkout's decision goes by, and what else a shop's events tell.

The first 23 are the columns of the data set *customer propensity to purchase*, of which each comes as an
`element` of that name. A shop says some of them otherwise: by the page, the device, the country. Forgotten
a day after a purchase: the next one is another decision.
"""

from pipelines.gold.features.aggregates.sums import Seen
from pipelines.gold.features.feature_set import Feature, FeatureSet
from pipelines.gold.features.parts_of_shop import REMOVALS, VIEWS, VISIT, VISITOR
from pipelines.gold.features.values import Property, Where, equal, kinds


def _flag(name: str, meaning: str, *further: Where) -> Feature:
    where = equal("element", name)
    for one in further:
        where = where | one
    return Feature(name, Seen(where), meaning)


SET = FeatureSet(
    name="twin",
    version=1,
    entity=VISITOR,
    meaning="which things a visitor has done, seen, and come with",
    features=(
        _flag("basket_icon_click", "clicked the cart's icon"),
        _flag("basket_add_list", "put a product into the cart from a list"),
        _flag("basket_add_detail", "put a product into the cart on its page"),
        _flag("sort_by", "sorted a list"),
        _flag("image_picker", "looked through a product's pictures"),
        _flag("account_page_click", "clicked on the account"),
        _flag("promo_banner_click", "clicked a banner"),
        _flag("detail_wishlist_add", "put a product on the wish list"),
        _flag("list_size_dropdown", "changed how long lists are"),
        _flag("closed_minibasket_click", "closed the small view of the cart"),
        _flag("checked_delivery_detail", "read about delivery on a product's page"),
        _flag("checked_returns_detail", "read about returns on a product's page"),
        _flag("sign_in", "signed in", kinds("sign_in")),
        _flag("saw_checkout", "saw a page of the checkout", equal("page_type", "checkout")),
        _flag("saw_sizecharts", "saw the size charts", equal("page_type", "sizecharts")),
        _flag("saw_delivery", "saw the page about delivery", equal("page_type", "delivery")),
        _flag("saw_account_upgrade", "saw the offer of a better account"),
        _flag("saw_homepage", "saw the home page", equal("page_type", "home")),
        _flag("device_mobile", "came with a telephone", equal("device_class", "mobile")),
        _flag("device_computer", "came with a computer", equal("device_class", "desktop")),
        _flag("device_tablet", "came with a tablet", equal("device_class", "tablet")),
        _flag("returning_user", "had been here before", equal(Property("returning"), 1)),
        _flag("loc_uk", "is in the United Kingdom", equal("country", "GB")),
        Feature("viewed_product", Seen(VIEWS), "viewed a product"),
        Feature("viewed_cart", Seen(kinds("cart_view")), "opened the cart"),
        Feature("removed_from_cart", Seen(REMOVALS), "took a product out of the cart"),
        Feature("searched", Seen(kinds("search")), "searched for something"),
        Feature("clicked_offer", Seen(kinds("offer_click")), "clicked an offer"),
    ),
    ttl=VISIT,
)
