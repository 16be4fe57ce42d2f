"""How shoppers behave: the tables of the model. Each is a distribution given what is hidden.

A shopper has a lasting *persona*; each visit has an *intent*, drawn by persona and source. Every
step of a visit is drawn from a table of the visible context, one column an intent. Whatever is not
in these tables (time between steps, product within its category, quantities, offers, coming back,
signing in) is drawn regardless of persona and intent, so it says nothing of them and the posterior
is exact. Signing in must be among these: were loyal users likelier to sign in, then a user's not
having been seen on further browsers would say something too, which no observer can sum up.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

PERSONAS = ("passer_by", "regular", "loyal")
PERSONA_SHARES = (0.50, 0.35, 0.15)
INTENTS = ("browse", "compare", "buy")
_INTENT_SHARES = ((0.70, 0.20, 0.10), (0.46, 0.30, 0.24), (0.28, 0.28, 0.44))
LEVEL_SHARES = ((0.70, 0.20, 0.08, 0.02), (0.40, 0.35, 0.20, 0.05), (0.15, 0.30, 0.35, 0.20))
"""Given the persona: share of each level of the vocabulary, BRONZE first."""

Weights = tuple[float, float, float]


class Source(NamedTuple):
    """Where visits come from: share by persona, odds of each intent, usual landing page."""

    source: str
    medium: str
    campaign: str | None
    referrer: str | None
    shares: Weights
    intent_odds: Weights
    landing: str


_GOOGLE, _COMPARE = "https://www.google.com/", "https://compare.example/"
_FACEBOOK, _TIKTOK, _YOUTUBE = (
    "https://l.facebook.com/",
    "https://www.tiktok.com/",
    "https://www.youtube.com/",
)
SOURCES = (
    Source("direct", "none", None, None, (0.12, 0.25, 0.40), (1, 1, 1.2), "home"),
    Source("google", "organic", None, _GOOGLE, (0.22, 0.22, 0.15), (1, 1.5, 1.1), "category"),
    Source("google", "cpc", "brand_search", _GOOGLE, (0.18, 0.14, 0.08), (0.7, 1.1, 1.8), "product"),
    Source("facebook", "paid_social", "spring", _FACEBOOK, (0.16, 0.10, 0.04), (1.4, 0.9, 0.6), "product"),
    Source("tiktok", "paid_social", "trend", _TIKTOK, (0.14, 0.06, 0.02), (1.8, 0.6, 0.3), "home"),
    Source("youtube", "video", "reviews", _YOUTUBE, (0.08, 0.05, 0.02), (1.1, 1.6, 0.7), "product"),
    Source("newsletter", "email", "weekly", None, (0.02, 0.10, 0.25), (0.8, 0.9, 1.6), "category"),
    Source("affiliate", "referral", "price_check", _COMPARE, (0.08, 0.08, 0.04), (0.6, 1.8, 1.4), "product"),
)

HOME, LIST, SEARCH, PRODUCT, INTERACT, WISH, ADD, CART, REMOVE, CHECKOUT, EXIT = range(11)
BROWSING, VIEWING, BROWSING_FULL, VIEWING_FULL, IN_CART = range(5)
"""Contexts: what is on the screen, and (FULL) whether something lies in the cart."""

_STEPS: dict[int, dict[int, Weights]] = {
    BROWSING: {
        HOME: (6, 2, 1), LIST: (26, 24, 16), SEARCH: (8, 20, 22), PRODUCT: (34, 40, 48),
        INTERACT: (9, 9, 6), EXIT: (16, 5, 3),
    },
    VIEWING: {
        LIST: (18, 14, 6), SEARCH: (4, 6, 4), PRODUCT: (34, 36, 18), INTERACT: (10, 20, 16),
        WISH: (2, 6, 2), ADD: (4, 9, 36), EXIT: (27, 8, 6),
    },
    BROWSING_FULL: {
        HOME: (3, 1, 1), LIST: (24, 18, 8), SEARCH: (6, 12, 6), PRODUCT: (29, 33, 20),
        INTERACT: (8, 8, 5), CART: (10, 14, 24), CHECKOUT: (5, 9, 22), EXIT: (17, 7, 5),
    },
    VIEWING_FULL: {
        LIST: (16, 12, 5), SEARCH: (4, 5, 3), PRODUCT: (29, 33, 14), INTERACT: (10, 18, 8),
        WISH: (2, 4, 1), ADD: (5, 6, 13), CART: (9, 11, 26), CHECKOUT: (4, 8, 18),
        EXIT: (22, 8, 4),
    },
    IN_CART: {
        LIST: (20, 16, 5), PRODUCT: (16, 22, 6), REMOVE: (15, 14, 5), INTERACT: (8, 10, 5),
        CHECKOUT: (20, 30, 56), EXIT: (30, 16, 5),
    },
}  # fmt: skip

ELEMENTS: dict[str, Weights] = {
    "sort_by": (14, 20, 8), "list_size_dropdown": (10, 10, 3), "image_picker": (22, 18, 12),
    "promo_banner_click": (14, 8, 5), "basket_icon_click": (6, 8, 18), "closed_minibasket_click": (8, 6, 4),
    "account_page_click": (6, 4, 8), "saw_account_upgrade": (6, 3, 3), "saw_sizecharts": (6, 12, 12),
    "saw_delivery": (4, 5, 12), "checked_delivery_detail": (2, 3, 11), "checked_returns_detail": (2, 3, 4),
}  # fmt: skip
"""Parts of the page that are used, by intent; the names of system 2's flags."""

STAYS_IN_CATEGORY: Weights = (0.30, 0.80, 0.65)
_COMPLETES: Weights = (-2.2, -0.5, 1.9)
_BY_CART_VALUE: Weights = (0.3, 0.0, -0.6)
_CART_VALUE_BOUNDS_MINOR = (5_000, 20_000)
_SIGNED_IN_HELPS = 0.4


class Table:
    """Outcomes with one distribution for each intent, and how much each outcome tells."""

    def __init__(self, weights: dict[int, Weights]) -> None:
        self.outcomes = tuple(weights)
        totals = [sum(row[i] for row in weights.values()) for i in range(3)]
        self._likelihoods = {o: tuple(row[i] / totals[i] for i in range(3)) for o, row in weights.items()}
        self._cumulative = [cumulative([row[i] for row in weights.values()]) for i in range(3)]

    def draw(self, intent: int, chance: float) -> int:
        """The outcome at `chance`, uniform in [0, 1)."""
        return self.outcomes[bisect_right(self._cumulative[intent], chance)]

    def weigh(self, likelihood: list[float], outcome: int) -> None:
        """Multiply the likelihood of each intent by that of the outcome."""
        a, b, c = self._likelihoods[outcome]
        likelihood[0] *= a
        likelihood[1] *= b
        likelihood[2] *= c


def cumulative(weights: Sequence[float]) -> list[float]:
    """Upper bounds of the outcomes in [0, 1), for `bisect_right`; the last possible one has no bound."""
    sums = list(accumulate(weights))
    total = sums[-1]
    return [value / total if value < total else math.inf for value in sums]


STEP_TABLES = [Table(_STEPS[context]) for context in sorted(_STEPS)]
"""By context."""
ELEMENT_NAMES = tuple(ELEMENTS)
ELEMENT_TABLE = Table(dict(enumerate(ELEMENTS.values())))


def intent_shares(persona: int, source: int) -> Weights:
    """Distribution of a visit's intent, given who comes and from where."""
    weights = [
        share * odds for share, odds in zip(_INTENT_SHARES[persona], SOURCES[source].intent_odds, strict=True)
    ]
    total = sum(weights)
    return weights[0] / total, weights[1] / total, weights[2] / total


def completion(cart_minor: int, *, signed_in: bool) -> Weights:
    """Probability, for each intent, that a checkout once entered ends in an order."""
    size = bisect_right(_CART_VALUE_BOUNDS_MINOR, cart_minor)
    return _COMPLETION[size][signed_in]


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def _completion_row(size: int, *, signed_in: bool) -> Weights:
    offset = _BY_CART_VALUE[size] + _SIGNED_IN_HELPS * signed_in
    return (
        _logistic(_COMPLETES[0] + offset),
        _logistic(_COMPLETES[1] + offset),
        _logistic(_COMPLETES[2] + offset),
    )


_COMPLETION = [
    (_completion_row(size, signed_in=False), _completion_row(size, signed_in=True)) for size in range(3)
]
