"""An observer who sees only the records, and knows the tables, reaches the same probabilities.

Written apart from the simulator's own bookkeeping: contexts, carts, likelihoods and the ends of
visits are worked out again from the parsed rows.
"""

from collections import defaultdict
from typing import Any

import pytest

from pipelines.contracts.vocabulary import USER_LEVELS
from pipelines.simulator import CheckoutTruth
from pipelines.simulator import behaviour as b
from pipelines.simulator.belief import level_evidence, visit_evidence
from pipelines.simulator.catalogue import CATEGORIES
from pipelines.simulator.checkout import PAID_IF_PLACED
from pipelines.simulator.entities import User, Visit, Visitor
from tests.simulator.runs import Run, run_shop

_STEP_OF = {
    "page_view": b.HOME,
    "product_list_view": b.LIST,
    "search": b.SEARCH,
    "product_view": b.PRODUCT,
    "interaction": b.INTERACT,
    "wishlist_add": b.WISH,
    "add_to_cart": b.ADD,
    "cart_view": b.CART,
    "remove_from_cart": b.REMOVE,
    "checkout_start": b.CHECKOUT,
}
Three = list[float]


class _Watched:
    """A visit as it is seen: what is on the screen, what is in the cart, what the steps tell."""

    def __init__(self, landing: dict[str, Any]) -> None:
        self.source = [s[:2] for s in b.SOURCES].index((landing["source"], landing["medium"]))
        self.seen: Three = [1.0, 1.0, 1.0]
        self.screen = "product" if landing["event_type"] == "product_view" else "pages"
        self.category = CATEGORIES.index(landing["category"]) if landing["category"] else None
        self.cart: dict[str, int] = {}
        self.prices: dict[str, int] = {}
        self.completes: b.Weights | None = None

    def times(self, factors: Any) -> None:
        self.seen = [one * other for one, other in zip(self.seen, factors, strict=True)]

    def step(self, step: int) -> None:
        full = bool(self.cart)
        context = {
            "pages": b.BROWSING_FULL if full else b.BROWSING,
            "product": b.VIEWING_FULL if full else b.VIEWING,
            "cart": b.IN_CART,
        }[self.screen]
        weights = b._STEPS[context]
        totals = [sum(row[i] for row in weights.values()) for i in range(3)]
        self.times(weights[step][i] / totals[i] for i in range(3))

    def event(self, row: dict[str, Any], shares: list[float]) -> None:
        step = _STEP_OF[row["event_type"]]
        self.step(step)
        if step in (b.LIST, b.PRODUCT):
            picked, before = CATEGORIES.index(row["category"]), self.category
            if before is not None:
                self.times(s * (picked == before) + (1 - s) * shares[picked] for s in b.STAYS_IN_CATEGORY)
            self.category = picked
        if step == b.INTERACT:
            totals = [sum(row[i] for row in b.ELEMENTS.values()) for i in range(3)]
            self.times(b.ELEMENTS[row["element"]][i] / totals[i] for i in range(3))
        if step in (b.HOME, b.LIST, b.SEARCH, b.PRODUCT, b.CART):
            self.screen = {b.PRODUCT: "product", b.CART: "cart"}.get(step, "pages")
        if step == b.ADD:
            self.cart[row["product_id"]] = self.cart.get(row["product_id"], 0) + row["quantity"]
        if step == b.REMOVE:
            del self.cart[row["product_id"]]
            self.screen = "cart" if self.cart else "pages"

    def ended(self, *, ordered: bool) -> None:
        if self.completes is None:
            self.step(b.EXIT)
        else:
            self.times(p if ordered else 1 - p for p in self.completes)


def _observed(run: Run, shares: list[float], levels: dict[str, int]) -> dict[str, tuple[float, bool, int]]:
    """Of each checkout: the probability, whether signed in, and how many visits came before."""
    prices = {row["product_id"]: row["price_minor"] for row in run.first_copies("products")}
    ordered = {row["session_id"] for row in run.first_copies("orders")}
    visitors: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in run.first_copies("clicks"):
        visitors[row["visitor_id"]].append(row)
    found = {}
    for rows in visitors.values():
        rows.sort(key=lambda row: row["sequence"])
        persona: Three = list(b.PERSONA_SHARES)
        leveled, visits = False, 0
        visit, session = _Watched(rows[0]), rows[0]["session_id"]
        for row in rows[1:]:
            if row["user_id"] and not leveled:
                leveled = True
                persona = _product(persona, level_evidence(levels[row["user_id"]]))
            if row["session_id"] != session:
                visit.ended(ordered=session in ordered)
                persona = _product(persona, visit_evidence(visit.source, visit.seen))
                visit, session, visits = _Watched(row), row["session_id"], visits + 1
            elif row["event_type"] in _STEP_OF:
                visit.event(row, shares)
                if row["event_type"] == "checkout_start":
                    value = sum(prices[product] * pieces for product, pieces in visit.cart.items())
                    visit.completes = b.completion(value, signed_in=leveled)
                    found[row["event_id"]] = (_probability(persona, visit), leveled, visits)
    return found


def _probability(persona: Three, visit: _Watched) -> float:
    placed = total = 0.0
    for z in range(3):
        for i in range(3):
            weight = persona[z] * b.SOURCES[visit.source].shares[z]
            weight *= b.intent_shares(z, visit.source)[i] * visit.seen[i]
            placed += weight * visit.completes[i]
            total += weight
    return PAID_IF_PLACED * placed / total


def _product(one: Three, other: Three) -> Three:
    return [x * y for x, y in zip(one, other, strict=True)]


def test_an_observer_of_the_records_reaches_the_stated_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    # Prices stand still and every user has one browser, which keeps the observer short.
    monkeypatch.setattr("pipelines.simulator.simulation._RECORDS_PER_PRICE_CHANGE", 10**9)
    run = run_shop(rate=200, horizon_seconds=300, users=60_000, bot_share=0)
    levels = {row["user_id"]: USER_LEVELS.index(row["level"]) for row in _first_versions(run)}
    seen = _observed(run, run.simulation._shop.catalogue.category_shares, levels)
    browsers = defaultdict(set)
    for row in run.first_copies("clicks"):
        if row["user_id"]:
            browsers[row["user_id"]].add(row["visitor_id"])
    truth = [row for row in run.truth if isinstance(row, CheckoutTruth)]
    compared = [row for row in truth if row.user_id is None or len(browsers[row.user_id]) == 1]
    assert len(compared) > 1_000
    for row in compared:
        assert seen[row.event_id][0] == pytest.approx(row.purchase_probability, rel=1e-9)
    kinds = {(signed_in, visits > 0) for _, signed_in, visits in (seen[row.event_id] for row in compared)}
    assert len(kinds) == 4


def _first_versions(run: Run) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for row in run.first_copies("users"):
        rows.setdefault(row["user_id"], row)
    return list(rows.values())


def test_what_one_browser_told_counts_for_the_users_other_browsers() -> None:
    user = User("u1", "Ada", None, "DE", persona=2, level=0, evidence=[0.5, 0.3, 0.2])
    phone, desk = (
        Visitor(name, user, 0, 0, "agent", "203.0.0.1", sends_millis=False, extra={}) for name in "ab"
    )
    first = Visit.open(phone, session_id="s1", source=2, intent=0)
    first.likelihood = [0.1, 0.2, 0.7]
    first.close()
    told = visit_evidence(2, [0.1, 0.2, 0.7])
    assert desk.evidence == [1.0, 1.0, 1.0]

    second = Visit.open(phone, session_id="s2", source=0, intent=0)
    second.likelihood = [0.3, 0.3, 0.1]
    phone.link(second)
    third = Visit.open(desk, session_id="s3", source=1, intent=0)
    desk.link(third)

    expected = [
        a * x * y for a, x, y in zip([0.5, 0.3, 0.2], told, visit_evidence(0, [0.3, 0.3, 0.1]), strict=True)
    ]
    got = [1.0, 1.0, 1.0]
    for evidence in third.evidence_besides():
        got = _product(got, evidence)
    assert [x / sum(got) for x in got] == pytest.approx([x / sum(expected) for x in expected])
