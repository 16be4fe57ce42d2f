"""From checkout_start to the last version of an order: steps, payments that fail, refunds.

A checkout ends in an order with the probability of `behaviour.completion`; the order gets paid
within its attempts with `paid_if_placed`, whatever the shopper's intent. Both are drawn at
checkout_start, together with the exact probability that an observer could give at that moment.
"""

from bisect import bisect_right

from pipelines.simulator.behaviour import completion, cumulative
from pipelines.simulator.belief import completion_probability
from pipelines.simulator.entities import Visit
from pipelines.simulator.orders import place_order
from pipelines.simulator.shop import SHOP_URL, Shop, Steps
from pipelines.simulator.truth import CheckoutTruth
from pipelines.simulator.wire import Record

STEP_NAMES = ("delivery", "payment")
_METHODS = ("card", "paypal", "invoice", "instalments")
_METHOD_SHARES = (0.5, 0.3, 0.15, 0.05)
_SUCCEEDS = (0.90, 0.95, 0.88, 0.70)
_METHOD_BOUNDS = cumulative(_METHOD_SHARES)
_TRIES_AGAIN = 0.7
_MOST_ATTEMPTS = 3
STEP_PACES = 0.7
_PAGE: Record = {"page_url": f"{SHOP_URL}/checkout", "page_type": "checkout"}


def _paid_if_placed() -> float:
    total = 0.0
    for share, succeeds in zip(_METHOD_SHARES, _SUCCEEDS, strict=True):
        again = (1 - succeeds) * _TRIES_AGAIN
        total += share * succeeds * sum(again**attempt for attempt in range(_MOST_ATTEMPTS))
    return total


PAID_IF_PLACED = _paid_if_placed()
"""Chance that a placed order gets paid: up to 3 attempts, each repeated 7 times in 10."""


def check_out(shop: Shop, visit: Visit) -> Steps:
    """The checkout, and the order if it comes to one; the visit is over after it."""
    completes = completion(visit.cart_minor, signed_in=visit.visitor.linked)
    believed = completion_probability(
        visit.evidence_besides(), source=visit.source, likelihood=visit.likelihood, completes=completes
    )
    places = shop.chance() < completes[visit.intent]
    method = bisect_right(_METHOD_BOUNDS, shop.chance())
    outcomes = _draw_payments(shop, method)
    event_id = shop.click(visit, "checkout_start", _PAGE)
    buys = places and outcomes[-1] == "paid"
    shop.tell(_truth(shop, visit, event_id, probability=believed * PAID_IF_PLACED, buys=buys))
    for name in STEP_NAMES if places else STEP_NAMES[: int(shop.chance() * (len(STEP_NAMES) + 1))]:
        yield shop.pause(STEP_PACES)
        shop.click(visit, "checkout_step", _PAGE | {"element": name})
    yield shop.pause(STEP_PACES)
    for intent, probability in enumerate(completes):
        visit.likelihood[intent] *= probability if places else 1 - probability
    if places:
        yield from place_order(shop, visit, method=_METHODS[method], outcomes=outcomes)


def _truth(shop: Shop, visit: Visit, event_id: str, *, probability: float, buys: bool) -> CheckoutTruth:
    visitor = visit.visitor
    return CheckoutTruth(
        event_id=event_id,
        occurred_at=shop.now_micros,
        visitor_id=visitor.visitor_id,
        user_id=visitor.user.user_id if visitor.linked else None,
        session_id=visit.session_id,
        purchase_probability=probability,
        will_buy=buys,
    )


def _draw_payments(shop: Shop, method: int) -> list[str]:
    """States that follow `placed`: failures with their repeats, ending in `paid` or `cancelled`."""
    states: list[str] = []
    for _ in range(_MOST_ATTEMPTS):
        if shop.chance() < _SUCCEEDS[method]:
            return [*states, "paid"]
        states.append("payment_failed")
        if shop.chance() >= _TRIES_AGAIN:
            break
    return [*states, "cancelled"]
