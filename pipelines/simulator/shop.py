"""The shop itself: clock, dice, catalogue, and how what happens becomes a record."""

import math
from collections.abc import Callable, Generator
from random import Random

from pipelines.contracts.vocabulary import USER_LEVELS
from pipelines.simulator.affinity import DEVICES, Affinity
from pipelines.simulator.catalogue import CATEGORIES, COUNTRIES, Catalogue
from pipelines.simulator.config import MICROS_PER_MS, ShopConfig
from pipelines.simulator.entities import Offer, Product, User, Visit
from pipelines.simulator.post import Post
from pipelines.simulator.truth import TruthRow, TruthSummary
from pipelines.simulator.wire import Clock, Record

CURRENCY = "EUR"
SHOP_URL = "https://shop.example"
_DAY_MS = 86_400_000
_FACTORS = 3

Steps = Generator[int, None, None]
"""What goes on in the shop: yields the milliseconds until its next step."""


def _dice(seed: int, purpose: str) -> Random:
    """Dice of their own for each purpose: another share of late events changes no shopper.

    Those of the ids depend on the start as well, so that a second run into the same lake, with the
    same seed by default, is not taken for other content under the first run's ids.
    """
    return Random(f"{seed}/{purpose}")  # noqa: S311 - a simulation must be reproducible, not secret


class Shop:
    """State that all visits share. `now_ms` is set by the simulation before each step."""

    def __init__(self, config: ShopConfig, on_truth: Callable[[TruthRow], None] | None) -> None:
        self.config = config
        self.summary = TruthSummary()
        self._told = on_truth
        self.rng = _dice(config.seed, "shoppers")
        self.chance = self.rng.random
        self._ids = _dice(config.seed, f"ids of {config.start}")
        catalogue_rng = _dice(config.seed, "catalogue")
        self.catalogue = Catalogue(config, catalogue_rng)
        self.affinity = Affinity(catalogue_rng, factors=_FACTORS)
        self.post = Post(config, _dice(config.seed, "post"), self.tell)
        self.clock = Clock()
        self.now_ms = config.start_ms
        self.spawned: list[tuple[int, Steps]] = []

    def tell(self, row: TruthRow) -> None:
        """Count a row of truth and hand it on."""
        self.summary.add(row)
        if self._told is not None:
            self._told(row)

    def spawn(self, steps: Steps, *, delay_ms: int) -> None:
        """Let something begin after the delay."""
        self.spawned.append((delay_ms, steps))

    def pause(self, paces: float = 1.0) -> int:
        """Milliseconds until a next step: exponential, the same whoever takes it, at least 1."""
        return 1 + int(-math.log(1 - self.chance()) * self.config.pace_ms * paces)

    def new_id(self, prefix: str) -> str:
        """An id never given before (64 random bits), other ones for another `start`."""
        return f"{prefix}{self._ids.getrandbits(64):016x}"

    @property
    def now_micros(self) -> int:
        """The moment, in UTC microseconds."""
        return self.now_ms * MICROS_PER_MS

    def click(self, visit: Visit, event_type: str, fields: Record) -> str:
        """Record a behavioural event of the visit now; its event id."""
        visitor = visit.visitor
        event_id = self.new_id("e")
        record = self._opening(visit, event_id)
        record["event_type"] = event_type
        record.update(fields)
        record["user_agent"] = visitor.user_agent
        record["ip_address"] = visitor.ip_address
        record["country"] = COUNTRIES[visitor.country]
        if visitor.extra:
            record.update(visitor.extra)
        self.post.send("clicks", visitor.visitor_id, record, now_ms=self.now_ms)
        return event_id

    def order_message(self, visit: Visit, fields: Record) -> None:
        """Record a version of an order of the visit now."""
        record = self._opening(visit, self.new_id("m"))
        record.update(fields)
        self.post.send("orders", visit.visitor.visitor_id, record, now_ms=self.now_ms)

    def _opening(self, visit: Visit, event_id: str) -> Record:
        visitor = visit.visitor
        now = self.now_ms
        record: Record = {
            "event_id": event_id,
            "occurred_at": now if visitor.sends_millis else self.clock.iso(now),
            "visitor_id": visitor.visitor_id,
        }
        if visitor.linked:
            record["user_id"] = visitor.user.user_id
        record["session_id"] = visit.session_id
        record["sequence"] = visitor.sequence
        visitor.sequence += 1
        return record

    def product_fields(self, product: Product) -> Record:
        """What an event says of the product it concerns."""
        return {
            "product_id": product.product_id,
            "category_id": f"c{product.category:02d}",
            "category": CATEGORIES[product.category],
            "brand": product.brand,
            "price_minor": product.price_minor,
            "currency": CURRENCY,
        }

    def publish_catalogue(self) -> None:
        """Deliver the first version of every product, user and offer, valid since the day before."""
        since_ms = self.config.start_ms - _DAY_MS
        for product in self.catalogue.products:
            self.publish_product(product, since_ms=since_ms)
        for user in self.catalogue.users:
            self.publish_user(user, since_ms=since_ms)
        for offer in self.catalogue.offers:
            self._publish_offer(offer, since_ms=since_ms)

    def publish_product(self, product: Product, *, since_ms: int) -> None:
        """Deliver the product as it is from that moment on."""
        record = self.product_fields(product)
        record |= {
            "occurred_at": self.clock.iso(since_ms),
            "name": product.name,
            "commission_bp": product.commission_bp,
        }
        self.post.send_dimension("products", product.product_id, record, now_ms=self.now_ms)

    def publish_user(self, user: User, *, since_ms: int) -> None:
        """Deliver the user as it is from that moment on."""
        record: Record = {
            "user_id": user.user_id,
            "occurred_at": self.clock.iso(since_ms),
            "name": user.name,
            "email": f"{user.user_id}@mail.example",
            "level": USER_LEVELS[user.level],
            "gender": user.gender,
            "country": user.country,
        }
        self.post.send_dimension("users", user.user_id, record, now_ms=self.now_ms)

    def _publish_offer(self, offer: Offer, *, since_ms: int) -> None:
        record: Record = {
            "offer_id": offer.offer_id,
            "occurred_at": self.clock.iso(since_ms),
            "campaign": offer.campaign,
            "merchant": offer.merchant,
            "category": CATEGORIES[offer.category],
            "starts_at": self.clock.iso(since_ms),
            "ends_at": self.clock.iso(since_ms + 366 * _DAY_MS),
            "discount_bp": offer.discount_bp,
            "budget_minor": offer.budget_minor,
            "margin_minor": offer.margin_minor,
            "currency": CURRENCY,
        }
        self.post.send_dimension("offers", offer.offer_id, record, now_ms=self.now_ms)

    def device_name(self, visit: Visit) -> str:
        """The kind of device the visit is made with."""
        return DEVICES[visit.visitor.device]
