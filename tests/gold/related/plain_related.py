"""Lists of related products in plain Python, of visits as a person would tell them."""

import math
from collections import Counter, defaultdict

from pipelines.gold.related.pairs import AT
from pipelines.gold.related.rules import ANY_PRODUCT, SORTS


def plain_lists(rows, rules):
    """(sort, product) → [(other, basis)], best first, of rows of `product_visits`."""
    categories = categories_of(rows)
    return {
        (sort, product): _list(product, rows, sort, categories, rules)
        for sort in SORTS
        for product in [*categories, ANY_PRODUCT]
    }


def categories_of(rows):
    found = {}
    for row in sorted(rows, key=lambda row: (row["last_at"], row["category"] or "")):
        found[row["product_id"]] = row["category"] or found.get(row["product_id"])
    return found


def _list(product, rows, sort, categories, rules):
    sold = sorted(categories, key=lambda one: (*_sales(one, rows), one))
    kind = categories.get(product)
    of_kind = [one for one in sold if kind is not None and categories[one] == kind]
    pairs = [one for one, _ in _pairs(product, rows, sort, categories, rules)]
    ordered = [("pairs", one) for one in pairs]
    ordered += [("category", one) for one in of_kind] + [("overall", one) for one in sold]
    found = {}
    for basis, one in ordered:
        if one != product:
            found.setdefault(one, basis)
    return list(found.items())[: rules.named]


def _sales(product, rows):
    own = [row for row in rows if row["product_id"] == product]
    counts = (
        sum(row["is_ordered"] for row in own),
        sum(row["chosen_at"] is not None for row in own),
        sum(row["viewed_at"] is not None for row in own),
    )
    return tuple(-count for count in counts)


def _pairs(product, rows, sort, categories, rules):
    visits = _baskets(rows, sort, rules.window)
    met = Counter(one for basket in visits for one in basket)
    scores = {}
    for other in met:
        kinds = {categories[product], categories[other]} - {None} if product in categories else set()
        if other == product or (sort == "alternatives" and len(kinds) > 1):
            continue
        both = [basket for basket in visits if product in basket and other in basket]
        if sort == "alternatives":
            both = [basket for basket in both if not (basket[product] and basket[other])]
        if both:
            value = score(rules, len(both), met[product], met[other], len(visits))
            scores[other] = (-round(value, 9), -len(both), other)
    ranked = sorted((place, other) for other, place in scores.items() if place[0] < 0)
    return [(other, -place[0]) for place, other in ranked][: rules.named]


def _baskets(rows, sort, window):
    visits = defaultdict(list)
    for row in rows:
        if row[AT[sort]] is not None:
            visits[row["visit_id"]].append(row)
    last = [
        sorted(found, key=lambda row: (-row[AT[sort]].timestamp(), row["product_id"]))[:window]
        for found in visits.values()
    ]
    return [{row["product_id"]: row["is_ordered"] for row in found} for found in last]


def score(rules, both, one, other, every):
    """The score of a pair by its counts."""
    support = both / (both + rules.shrinkage)
    if rules.measure == "cosine":
        return both / math.sqrt(one * other) * support
    if rules.measure == "conditional":
        return both / one * support
    cells = {
        (True, True): both,
        (True, False): one - both,
        (False, True): other - both,
        (False, False): every - one - other + both,
    }
    ratio = 0.0
    for (first, second), seen in cells.items():
        expected = (one if first else every - one) * (other if second else every - other) / every
        ratio += 2 * seen * math.log(seen / expected) if seen else 0.0
    return -ratio if both * every < one * other else ratio
