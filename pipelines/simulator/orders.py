"""An order and its versions: placed, payments that fail or succeed, called off, refunded."""

from bisect import bisect_right

from pipelines.simulator.behaviour import cumulative
from pipelines.simulator.catalogue import CATEGORIES
from pipelines.simulator.config import MICROS_PER_MS, MS_PER_SECOND
from pipelines.simulator.entities import Visit
from pipelines.simulator.shop import CURRENCY, Shop, Steps
from pipelines.simulator.truth import OrderTruth, Touch
from pipelines.simulator.wire import Record

_FAILURES = ("insufficient_funds", "card_expired", "timeout", "fraud_suspected")
_FAILURE_BOUNDS = cumulative((50, 20, 22, 8))
_BETWEEN_PACES = 0.7
_WRONG_TOTAL = 0.005
_WRONG_BY_MINOR = 100
_REFUNDED = 0.08
_REFUND_PACES = 8.0
_SHIPPING_MINOR = 490
_FREE_SHIPPING_MINOR = 10_000
_WHOLE_BP = 10_000


def place_order(shop: Shop, visit: Visit, *, method: str, outcomes: list[str]) -> Steps:
    """The order of the visit's cart goes through `placed` and then the states of `outcomes`."""
    agrees = shop.chance() >= _WRONG_TOTAL
    order = _new_order(shop, visit, method, agrees=agrees)
    state = _send_state(shop, visit, order, before=None, now="placed")
    shop.tell(_truth(shop, visit, order, agrees=agrees))
    for outcome in outcomes:
        yield shop.pause(_BETWEEN_PACES)
        state = _send_state(shop, visit, order, before=state, now=outcome)
    if state == "paid":
        _after_payment(shop, visit, order)


def _after_payment(shop: Shop, visit: Visit, order: Record) -> None:
    user = visit.visitor.user
    if visit.visitor.linked and user.spend(order["total_minor"]):
        shop.publish_user(user, since_ms=shop.now_ms)
    if shop.chance() < _REFUNDED:
        shop.spawn(_refund(shop, visit, order), delay_ms=shop.pause(_REFUND_PACES))


def _refund(shop: Shop, visit: Visit, order: Record) -> Steps:
    _send_state(shop, visit, order, before="paid", now="refunded")
    yield from ()


def _send_state(shop: Shop, visit: Visit, order: Record, *, before: str | None, now: str) -> str:
    """Send the version of the order that says its state is `now`; the state."""
    changes: Record = {"status": now}
    if now == "payment_failed":
        reason = _FAILURES[bisect_right(_FAILURE_BOUNDS, shop.chance())]
        changes["failure_reason"] = reason
        shop.summary.failures_by_reason[reason] += 1
    shop.order_message(visit, order | changes)
    shop.summary.move_order(order["total_minor"], before=before, now=now)
    return now


def _new_order(shop: Shop, visit: Visit, method: str, *, agrees: bool) -> Record:
    """The fields that all versions of the order share. The total is rounded half up."""
    goods = visit.cart_minor
    shipping = 0 if goods >= _FREE_SHIPPING_MINOR else _SHIPPING_MINOR
    discounted = (goods * (_WHOLE_BP - visit.discount_bp) + _WHOLE_BP // 2) // _WHOLE_BP
    return {
        "order_id": shop.new_id("r"),
        "payment_method": method,
        "currency": CURRENCY,
        "shipping_minor": shipping,
        "discount_bp": visit.discount_bp,
        "total_minor": discounted + shipping + (0 if agrees else _WRONG_BY_MINOR),
        "lines": [
            {
                "product_id": product.product_id,
                "quantity": pieces,
                "unit_price_minor": product.price_minor,
                "category_id": f"c{product.category:02d}",
                "category": CATEGORIES[product.category],
                "brand": product.brand,
            }
            for product, pieces in visit.cart.values()
        ],
    }


def _truth(shop: Shop, visit: Visit, order: Record, *, agrees: bool) -> OrderTruth:
    visitor, user = visit.visitor, visit.visitor.user
    seconds = shop.config.look_back_seconds
    since = shop.now_micros - int(seconds * MS_PER_SECOND) * MICROS_PER_MS
    touches = tuple(touch for touch in visitor.touches if touch.occurred_at >= since)
    user_touches: tuple[Touch, ...] = touches
    if visitor.linked:
        user_touches = tuple(touch for touch in user.touches if touch.occurred_at >= since)
    return OrderTruth(
        order_id=order["order_id"],
        occurred_at=shop.now_micros,
        visitor_id=visitor.visitor_id,
        user_id=user.user_id if visitor.linked else None,
        session_id=visit.session_id,
        look_back_seconds=seconds,
        touches=touches,
        user_touches=user_touches,
        total_minor=order["total_minor"],
        total_agrees=agrees,
    )
