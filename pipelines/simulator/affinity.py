"""How likely an offer is clicked: a known logistic model with pairs and triples of what is visible.

logit P = base + appeal(offer) + match(offer's category = category in view)
          + sum_k u_k(country) v_k(offer) + sum_k u_k(country) t_k(device) v_k(offer) w_k(category in view)

The last sum is what a machine of order 2 cannot learn.
"""

import math
from random import Random

from pipelines.simulator.catalogue import CATEGORIES, COUNTRIES
from pipelines.simulator.entities import Offer

DEVICES = ("mobile", "computer", "tablet")
_BASE = -2.6
_MATCH = 1.1
_PAIR = 0.35
_TRIPLE = 0.55


class Affinity:
    """The true click probabilities of a shop; its hidden factors are drawn once."""

    def __init__(self, rng: Random, *, factors: int) -> None:
        self._country = _signs(rng, len(COUNTRIES), factors)
        self._device = _signs(rng, len(DEVICES), factors)
        self._category = _signs(rng, len(CATEGORIES), factors)
        self._nowhere = (0.0,) * factors
        self._known: dict[tuple[str, int, int, int | None], float] = {}

    def click_probability(self, offer: Offer, *, country: int, device: int, category: int | None) -> float:
        """P(click) of the offer shown to a visitor of the country and device, with this in view."""
        key = (offer.offer_id, country, device, category)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._compute(offer, country, device, category)
        return known

    def _compute(self, offer: Offer, country: int, device: int, category: int | None) -> float:
        seen = self._nowhere if category is None else self._category[category]
        terms = zip(offer.factors, self._country[country], self._device[device], seen, strict=True)
        logit = _BASE + offer.appeal + (_MATCH if category == offer.category else 0.0)
        for v, u, t, w in terms:
            logit += _PAIR * u * v + _TRIPLE * u * t * v * w
        return 1 / (1 + math.exp(-logit))


def _signs(rng: Random, rows: int, factors: int) -> list[tuple[float, ...]]:
    return [tuple(1.0 if rng.random() < 0.5 else -1.0 for _ in range(factors)) for _ in range(rows)]
