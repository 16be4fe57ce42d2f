"""What the shop sells and to whom: products of Zipf popularity, offers, users. Drawn once."""

import math
from bisect import bisect_right
from random import Random

from pipelines.simulator.behaviour import LEVEL_SHARES, PERSONA_SHARES, cumulative
from pipelines.simulator.belief import level_evidence
from pipelines.simulator.config import ShopConfig
from pipelines.simulator.entities import Offer, Product, User

CATEGORIES = (
    "electronics.smartphone", "electronics.audio.headphone", "electronics.video.tv", "computers.notebook",
    "computers.peripherals.mouse", "appliances.kitchen.kettle", "appliances.environment.vacuum",
    "apparel.shoes", "apparel.shirt", "furniture.bedroom.bed", "furniture.kitchen.table", "sport.bicycle",
    "sport.tennis", "kids.toys", "kids.carriage", "accessories.bag",
)  # fmt: skip
_BRANDS = ("acme", "aurora", "borealis", "corvus", "delta9", "ember", "fjord", "garnet", "halden", "ivory")
COUNTRIES = ("DE", "GB", "FR", "NL", "PL", "US", "ES", "SE")
COUNTRY_BOUNDS = cumulative((26, 20, 14, 10, 10, 9, 7, 4))
_GENDERS = ("female", "male", "other", None)
_GENDER_BOUNDS = cumulative((46, 44, 3, 7))
_FIRST_NAMES = ("Ada", "Ben", "Chloé", "Dana", "Emil", "Fatma", "Goran", "Hana", "Ivo", "Jana", "Kofi", "Léa")
_LAST_NAMES = ("Abel", "Bauer", "Costa", "Dubois", "Ek", "Fischer", "Garcia", "Holm", "Ivanova", "Jansen")
_FACTORS = 3


class Catalogue:
    """Products, offers and users of a shop, and draws among them."""

    def __init__(self, config: ShopConfig, rng: Random) -> None:
        self.products = [_product(number, rng) for number in range(config.products)]
        self.offers = [_offer(number, rng) for number in range(config.offers)]
        self.users = _users(config.users, rng)
        popularity = [1 / (rank + 1) for rank in range(config.products)]
        members = [
            [i for i, p in enumerate(self.products) if p.category == c] for c in range(len(CATEGORIES))
        ]
        self._members = members
        totals = [sum(popularity[i] for i in group) for group in members]
        self.category_shares = [total / sum(totals) for total in totals]
        self._categories = cumulative(totals)
        self._within = [cumulative([popularity[i] for i in group]) if group else [] for group in members]

    def category_at(self, chance: float) -> int:
        """A category, by the popularity of its products."""
        return bisect_right(self._categories, chance)

    def product_at(self, category: int, chance: float) -> Product:
        """A product of the category by its popularity, 1/rank over the whole shop (Zipf)."""
        return self.products[self._members[category][bisect_right(self._within[category], chance)]]


def _product(number: int, rng: Random) -> Product:
    category = int(rng.random() * len(CATEGORIES))
    brand = _BRANDS[int(rng.random() * len(_BRANDS))]
    price = int(math.exp(8.6 + _normal(rng))) // 10 * 10 + 99
    noun = CATEGORIES[category].rpartition(".")[2]
    return Product(
        product_id=f"p{number:05d}",
        name=f"{brand.title()} {noun} {number}",
        category=category,
        brand=brand,
        price_minor=price,
        commission_bp=300 + int(rng.random() * 18) * 50,
    )


def _offer(number: int, rng: Random) -> Offer:
    return Offer(
        offer_id=f"o{number:04d}",
        campaign=f"campaign_{number % 5}",
        merchant=f"m{int(rng.random() * 12):02d}",
        category=int(rng.random() * len(CATEGORIES)),
        discount_bp=(500, 1000, 1500, 2000)[int(rng.random() * 4)],
        budget_minor=(1 + int(rng.random() * 20)) * 1_000_000,
        margin_minor=100 + int(rng.random() * 900),
        appeal=0.6 * _normal(rng),
        factors=tuple(_normal(rng) for _ in range(_FACTORS)),
    )


def _users(count: int, rng: Random) -> list[User]:
    """Users whose personas have the shares of the model as nearly as whole numbers allow."""
    bounds = cumulative(PERSONA_SHARES)
    personas = [bisect_right(bounds, (i + 0.5) / count) for i in range(count)]
    for i in range(count - 1, 0, -1):  # Fisher–Yates by random(), the one draw that all versions share
        j = int(rng.random() * (i + 1))
        personas[i], personas[j] = personas[j], personas[i]
    levels = [cumulative(shares) for shares in LEVEL_SHARES]
    return [_user(number, persona, levels[persona], rng) for number, persona in enumerate(personas)]


def _user(number: int, persona: int, level_bounds: list[float], rng: Random) -> User:
    level = bisect_right(level_bounds, rng.random())
    first = _FIRST_NAMES[int(rng.random() * len(_FIRST_NAMES))]
    last = _LAST_NAMES[int(rng.random() * len(_LAST_NAMES))]
    return User(
        user_id=f"u{number:06d}",
        name=f"{first} {last}",
        gender=_GENDERS[bisect_right(_GENDER_BOUNDS, rng.random())],
        country=COUNTRIES[bisect_right(COUNTRY_BOUNDS, rng.random())],
        persona=persona,
        level=level,
        evidence=level_evidence(level),
    )


def _normal(rng: Random) -> float:
    """A standard normal by Box and Muller, from `random()` alone."""
    return math.sqrt(-2 * math.log(1 - rng.random())) * math.cos(2 * math.pi * rng.random())
