"""The shop's products, offers, users, browsers and visits: what is visible of them, what is hidden."""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from typing import Self

from pipelines.simulator.behaviour import BROWSING, BROWSING_FULL, VIEWING, VIEWING_FULL
from pipelines.simulator.belief import combine, visit_evidence
from pipelines.simulator.truth import Touch

_LEVEL_SPEND_MINOR = (60_000, 250_000, 900_000)


@dataclass(slots=True)
class Product:
    """A product; its price changes now and then. `category` is an index of `CATEGORIES`."""

    product_id: str
    name: str
    category: int
    brand: str
    price_minor: int
    commission_bp: int


@dataclass(slots=True)
class Offer:
    """A promotion. `appeal` and the hidden `factors` make its clicks; see `affinity`."""

    offer_id: str
    campaign: str
    merchant: str
    category: int
    discount_bp: int
    budget_minor: int
    margin_minor: int
    appeal: float
    factors: tuple[float, ...]


@dataclass(slots=True)
class User:
    """An account. `persona` is hidden; `evidence` is what its linked browsers' visits tell of it.

    `touches` are those of all linked browsers, `open_visits` their visits now going on.
    """

    user_id: str
    name: str
    gender: str | None
    country: str
    persona: int
    level: int
    evidence: list[float]
    spent_minor: int = 0
    touches: deque[Touch] = field(default_factory=deque)
    open_visits: list["Visit"] = field(default_factory=list)

    def spend(self, amount_minor: int) -> bool:
        """True when the money spent lifts the level; levels never fall."""
        self.spent_minor += amount_minor
        earned = bisect_right(_LEVEL_SPEND_MINOR, self.spent_minor)
        if earned <= self.level:
            return False
        self.level = earned
        return True


@dataclass(slots=True)
class Visitor:
    """A browser of a user. Who the user is can be seen only from the first sign-in on (`linked`)."""

    visitor_id: str
    user: User
    device: int
    country: int
    user_agent: str
    ip_address: str
    sends_millis: bool
    extra: dict[str, str]
    linked: bool = False
    evidence: list[float] = field(default_factory=lambda: [1.0, 1.0, 1.0])
    sequence: int = 0
    visits: int = 0
    touches: deque[Touch] = field(default_factory=deque)

    def link(self, visit: "Visit") -> None:
        """Make known, by the sign-in in this visit, that the browser is the user's."""
        user = self.user
        self.linked = True
        user.evidence = combine(user.evidence, self.evidence)
        user.open_visits.append(visit)
        user.touches = deque(sorted({*user.touches, *self.touches}, key=lambda touch: touch.occurred_at))

    def touch(self, touch: Touch, *, since: int) -> None:
        """Remember a landing, and forget those before `since` (UTC microseconds)."""
        for kept in (self.touches, self.user.touches) if self.linked else (self.touches,):
            kept.append(touch)
            while kept[0].occurred_at < since:
                kept.popleft()


@dataclass(slots=True, eq=False)
class Visit:
    """One session. `intent` is hidden; `likelihood` is that of the steps so far, given each intent.

    `signs_in_after` is the number of steps until the sign-in, null when none is to come; it comes
    before the last step in any case.
    """

    visitor: Visitor
    session_id: str
    source: int
    intent: int
    likelihood: list[float] = field(default_factory=lambda: [1.0, 1.0, 1.0])
    cart: dict[str, tuple[Product, int]] = field(default_factory=dict)
    context: int = BROWSING
    category: int | None = None
    product: Product | None = None
    discount_bp: int = 0
    signs_in_after: int | None = None

    @classmethod
    def open(cls, visitor: Visitor, *, session_id: str, source: int, intent: int) -> Self:
        """A new visit of the browser, known to be its user's when the browser is."""
        visit = cls(visitor, session_id, source, intent)
        if visitor.linked:
            visitor.user.open_visits.append(visit)
        return visit

    def close(self) -> None:
        """Add what the whole visit tells to what is known of the visitor, or of the user."""
        visitor, told = self.visitor, visit_evidence(self.source, self.likelihood)
        visitor.visits += 1
        if visitor.linked:
            visitor.user.evidence = combine(visitor.user.evidence, told)
            visitor.user.open_visits.remove(self)
        else:
            visitor.evidence = combine(visitor.evidence, told)

    def evidence_besides(self) -> list[list[float]]:
        """What is known of the persona from everything but this visit."""
        visitor = self.visitor
        if not visitor.linked:
            return [visitor.evidence]
        others = [visit for visit in visitor.user.open_visits if visit is not self]
        return [visitor.user.evidence, *(visit_evidence(v.source, v.likelihood) for v in others)]

    @property
    def cart_minor(self) -> int:
        """Value of the cart at today's prices, in minor units."""
        return sum(product.price_minor * quantity for product, quantity in self.cart.values())

    def browse(self) -> None:
        """No product on the screen from here on."""
        self.product = None
        self.context = BROWSING_FULL if self.cart else BROWSING

    def view(self, product: Product) -> None:
        """The product on the screen from here on."""
        self.product = product
        self.context = VIEWING_FULL if self.cart else VIEWING
