"""A visit, step by step: landing, looking around, cart; and a crawler's. The model is in `behaviour`."""

from collections.abc import Callable

from pipelines.simulator import behaviour as b
from pipelines.simulator.arrivals import Arrivals
from pipelines.simulator.behaviour import (
    ELEMENT_NAMES,
    ELEMENT_TABLE,
    SOURCES,
    STAYS_IN_CATEGORY,
    STEP_TABLES,
)
from pipelines.simulator.catalogue import CATEGORIES
from pipelines.simulator.checkout import check_out
from pipelines.simulator.config import MICROS_PER_MS, MS_PER_SECOND
from pipelines.simulator.entities import Product, Visit
from pipelines.simulator.promotions import show_offer
from pipelines.simulator.shop import SHOP_URL, Shop, Steps
from pipelines.simulator.truth import Touch
from pipelines.simulator.wire import Record

_MOST_STEPS = 80
_BOT_PACES = 0.25
_BOT_LEAVES = 0.08
_BOT_LISTS = 0.3
_FROM_LIST = 0.2
_MOST_PIECES = 3
_SEARCHES = ("usb c charger", "running shoes", "kettle", "noise cancelling", "größe 42", "4k tv", "gift")
_LAST_STEPS = frozenset((b.CHECKOUT, b.EXIT))
_PAGES = frozenset((b.HOME, b.LIST, b.SEARCH, b.PRODUCT))


def visit_shop(shop: Shop, arrivals: Arrivals) -> Steps:
    """A shopper's visit, from landing to leaving or to the end of the checkout."""
    visit = arrivals.open_visit(arrivals.next_visitor())
    _land(shop, visit)
    yield shop.pause()
    for _ in range(_MOST_STEPS):
        table = STEP_TABLES[visit.context]
        step = table.draw(visit.intent, shop.chance())
        if visit.signs_in_after is not None and (visit.signs_in_after == 0 or step in _LAST_STEPS):
            _sign_in(shop, visit)
            yield shop.pause()
        table.weigh(visit.likelihood, step)
        if step == b.EXIT:
            break
        if step == b.CHECKOUT:
            yield from check_out(shop, visit)
            break
        _STEPS[step](shop, visit)
        yield shop.pause()
        if visit.signs_in_after is not None:
            visit.signs_in_after -= 1
        if step in _PAGES and shop.chance() < shop.config.offer_share:
            yield from show_offer(shop, visit)
    visit.close()
    arrivals.leave(visit.visitor)


def bot_visit(shop: Shop, arrivals: Arrivals) -> Steps:
    """A crawler walks through lists and products, quickly, and never comes back."""
    visit = Visit.open(arrivals.new_bot(), session_id=shop.new_id("s"), source=0, intent=0)
    while shop.chance() >= _BOT_LEAVES:
        category = shop.catalogue.category_at(shop.chance())
        if shop.chance() < _BOT_LISTS:
            shop.click(visit, "product_list_view", _list_page(category))
        else:
            product = shop.catalogue.product_at(category, shop.chance())
            shop.click(visit, "product_view", _product_page(shop, product))
        yield shop.pause(_BOT_PACES)
    arrivals.active -= 1


def _land(shop: Shop, visit: Visit) -> None:
    """The first page of a visit: says where it came from, and is a touch."""
    source, visitor = SOURCES[visit.source], visit.visitor
    event_type, page = _landing_page(shop, visit, source.landing)
    page["source"], page["medium"] = source.source, source.medium
    if source.campaign:
        page["campaign"] = source.campaign
        tags = f"utm_source={source.source}&utm_medium={source.medium}&utm_campaign={source.campaign}"
        page["page_url"] = f"{page['page_url']}?{tags}"
    if source.referrer:
        page["referrer_url"] = source.referrer
    page["properties"] = {"device": shop.device_name(visit), "returning": visitor.visits > 0}
    event_id = shop.click(visit, event_type, page)
    touch = Touch(source.source, source.medium, shop.now_micros, event_id)
    look_back = int(shop.config.look_back_seconds * MS_PER_SECOND) * MICROS_PER_MS
    visitor.touch(touch, since=shop.now_micros - look_back)


def _landing_page(shop: Shop, visit: Visit, kind: str) -> tuple[str, Record]:
    if kind == "home":
        return "page_view", {"page_url": f"{SHOP_URL}/", "page_type": "home"}
    visit.category = shop.catalogue.category_at(shop.chance())
    if kind == "category":
        return "product_list_view", _list_page(visit.category)
    product = shop.catalogue.product_at(visit.category, shop.chance())
    visit.view(product)
    return "product_view", _product_page(shop, product)


def _list_page(category: int) -> Record:
    name = CATEGORIES[category]
    return {
        "page_url": f"{SHOP_URL}/c/{name}",
        "page_type": "category",
        "category_id": f"c{category:02d}",
        "category": name,
    }


def _product_page(shop: Shop, product: Product) -> Record:
    page: Record = {"page_url": f"{SHOP_URL}/p/{product.product_id}", "page_type": "product"}
    return page | shop.product_fields(product)


def _pick_category(shop: Shop, visit: Visit) -> int:
    """The category looked at next: the present one, or any by popularity; which of them tells."""
    before = visit.category
    if before is None:
        picked = shop.catalogue.category_at(shop.chance())
    else:
        stays = shop.chance() < STAYS_IN_CATEGORY[visit.intent]
        picked = before if stays else shop.catalogue.category_at(shop.chance())
        share = shop.catalogue.category_shares[picked]
        for intent, staying in enumerate(STAYS_IN_CATEGORY):
            visit.likelihood[intent] *= staying * (picked == before) + (1 - staying) * share
    visit.category = picked
    return picked


def _home(shop: Shop, visit: Visit) -> None:
    visit.browse()
    shop.click(visit, "page_view", {"page_url": f"{SHOP_URL}/", "page_type": "home"})


def _list(shop: Shop, visit: Visit) -> None:
    visit.browse()
    shop.click(visit, "product_list_view", _list_page(_pick_category(shop, visit)))


def _search(shop: Shop, visit: Visit) -> None:
    visit.browse()
    query = _SEARCHES[int(shop.chance() * len(_SEARCHES))]
    shop.click(
        visit, "search", {"page_url": f"{SHOP_URL}/search", "page_type": "search", "search_query": query}
    )


def _view_product(shop: Shop, visit: Visit) -> None:
    product = shop.catalogue.product_at(_pick_category(shop, visit), shop.chance())
    visit.view(product)
    shop.click(visit, "product_view", _product_page(shop, product))


def _interact(shop: Shop, visit: Visit) -> None:
    element = ELEMENT_TABLE.draw(visit.intent, shop.chance())
    ELEMENT_TABLE.weigh(visit.likelihood, element)
    fields: Record = {"element": ELEMENT_NAMES[element]}
    if visit.product is not None:
        fields |= {"product_id": visit.product.product_id, "page_type": "product"}
    shop.click(visit, "interaction", fields)


def _on_screen(visit: Visit) -> Product:
    if visit.product is None:
        raise AssertionError("the tables offer this step only with a product on the screen")
    return visit.product


def _wish(shop: Shop, visit: Visit) -> None:
    fields = _product_page(shop, _on_screen(visit))
    shop.click(visit, "wishlist_add", fields | {"element": "detail_wishlist_add"})


def _add(shop: Shop, visit: Visit) -> None:
    product = _on_screen(visit)
    _, had = visit.cart.get(product.product_id, (product, 0))
    pieces = 1 if shop.chance() < 0.85 else 2 + int(shop.chance() * (_MOST_PIECES - 1))
    visit.cart[product.product_id] = (product, had + pieces)
    visit.view(product)
    element = "basket_add_list" if shop.chance() < _FROM_LIST else "basket_add_detail"
    shop.click(visit, "add_to_cart", _product_page(shop, product) | {"element": element, "quantity": pieces})


def _open_cart(shop: Shop, visit: Visit) -> None:
    visit.product, visit.context = None, b.IN_CART
    shop.click(visit, "cart_view", {"page_url": f"{SHOP_URL}/cart", "page_type": "cart"})


def _remove(shop: Shop, visit: Visit) -> None:
    product, pieces = visit.cart.popitem()[1]
    if not visit.cart:
        visit.browse()
    shop.click(visit, "remove_from_cart", shop.product_fields(product) | {"quantity": pieces})


def _sign_in(shop: Shop, visit: Visit) -> None:
    visit.signs_in_after = None
    visit.visitor.link(visit)
    shop.click(visit, "sign_in", {"page_url": f"{SHOP_URL}/account", "page_type": "account"})


_STEPS: dict[int, Callable[[Shop, Visit], None]] = {
    b.HOME: _home,
    b.LIST: _list,
    b.SEARCH: _search,
    b.PRODUCT: _view_product,
    b.INTERACT: _interact,
    b.WISH: _wish,
    b.ADD: _add,
    b.CART: _open_cart,
    b.REMOVE: _remove,
}
