"""Offers shown and clicked. Who sees which is drawn evenly, and the propensity is written down."""

from pipelines.simulator.entities import Visit
from pipelines.simulator.shop import Shop, Steps
from pipelines.simulator.truth import ImpressionTruth

_SHOWN_PACES = 0.2


def show_offer(shop: Shop, visit: Visit) -> Steps:
    """One offer, evenly drawn, and its click with the true probability of `affinity`."""
    offers, visitor = shop.catalogue.offers, visit.visitor
    offer = offers[int(shop.chance() * len(offers))]
    propensity = 1 / len(offers)
    probability = shop.affinity.click_probability(
        offer, country=visitor.country, device=visitor.device, category=visit.category
    )
    clicks = shop.chance() < probability
    fields = {"offer_id": offer.offer_id, "element": "banner"}
    event_id = shop.click(visit, "offer_impression", fields | {"properties": {"propensity": propensity}})
    shop.tell(
        ImpressionTruth(
            event_id=event_id,
            occurred_at=shop.now_micros,
            visitor_id=visitor.visitor_id,
            offer_id=offer.offer_id,
            click_probability=probability,
            propensity=propensity,
            will_click=clicks,
        )
    )
    yield shop.pause(_SHOWN_PACES)
    if clicks:
        visit.discount_bp = offer.discount_bp
        shop.click(visit, "offer_click", fields)
        yield shop.pause()
