"""Which products are named: by hand from silver, and as plain Python names them of drawn visits."""

import random
from datetime import timedelta

import pytest

from pipelines.connectors.lake_views import as_dataframe
from pipelines.contracts.related import RELATED_PRODUCTS
from pipelines.contracts.views import all_views
from pipelines.gold.related.hit_rate import hit_rates, split, steps
from pipelines.gold.related.naming import related_products
from pipelines.gold.related.rules import RelatedRules
from pipelines.gold.related.visits import READS, product_visits
from tests.gold.marts.mart_rows import event, message, minute, silver
from tests.gold.related.plain_related import plain_lists

pytestmark = pytest.mark.spark
VIEW, CART = "product_view", "add_to_cart"
SCHEMA = (
    "visit_id string, visitor_id string, visit_began_at timestamp, visit_ended_at timestamp, "
    "product_id string, viewed_at timestamp, chosen_at timestamp, is_ordered boolean, category string, "
    "last_at timestamp"
)
EVENTS = [
    event(0, VIEW, visitor_id="a", product_id="tea", category_id="drinks"),
    event(1, VIEW, visitor_id="a", product_id="mug", category="cups"),
    event(2, VIEW, visitor_id="a", product_id="tea", category_id="drinks"),
    event(3, CART, visitor_id="a", product_id="tea", category_id="drinks"),
    event(90, VIEW, visitor_id="a", product_id="tea"),
    event(0, VIEW, visitor_id="robot", product_id="tea", is_bot=True),
    event(1, VIEW, visitor_id="b"),
    event(2, "ad_impression", visitor_id="b", product_id="tea"),
]
ORDERS = [message(5, "o1", visitor_id="a", lines=["tea", "pot", "tea"])]


@pytest.fixture(scope="module")
def visits(spark):
    frames = {
        name: spark.createDataFrame(rows) for name, rows in silver(events=EVENTS, orders=ORDERS).items()
    }
    views = all_views()
    frames |= {name: as_dataframe(views[name], spark, lambda table: frames[table]) for name in READS[1:]}
    found = product_visits(frames, gap_seconds=1800).toArrow().to_pylist()
    return {(row["visit_began_at"], row["product_id"]): row for row in found}


def test_a_visit_says_when_a_product_was_first_viewed_and_first_chosen(visits):
    names = ("viewed_at", "chosen_at", "is_ordered", "category")
    assert {key: tuple(row[name] for name in names) for key, row in visits.items()} == {
        (minute(0), "tea"): (minute(0), minute(3), True, "drinks"),
        (minute(0), "mug"): (minute(1), None, False, "cups"),
        (minute(0), "pot"): (None, minute(5), True, None),
        (minute(90), "tea"): (minute(90), None, False, None),
    }
    assert {row["visit_ended_at"] for row in visits.values()} == {minute(5), minute(90)}


def drawn_visits(rng, *, case):
    """Visits of a small shop, whose products carry the case's name."""
    products = [f"{case}p{n}" for n in range(rng.randint(2, 9))]
    kinds = {one: rng.choice([None, f"{case}x", f"{case}y"]) for one in products}
    rows = []
    for n in range(rng.randint(1, 12)):
        for one in rng.sample(products, rng.randint(1, len(products))):
            at = minute(100 * n + rng.randint(0, 20))
            fate = rng.choice(["viewed", "viewed", "both", "chosen"])
            rows.append(
                {
                    "visit_id": f"{case}v{n}",
                    "visitor_id": f"{case}u{n % 3}",
                    "visit_began_at": minute(100 * n),
                    "visit_ended_at": minute(100 * n + 30),
                    "product_id": one,
                    "viewed_at": at if fate != "chosen" else None,
                    "chosen_at": at + timedelta(minutes=1) if fate != "viewed" else None,
                    "is_ordered": fate != "viewed" and rng.random() < 0.5,
                    "category": kinds[one],
                    "last_at": at,
                }
            )
    return rows


def named(spark, rows, rules):
    found = related_products(spark.createDataFrame(rows, SCHEMA), rules=rules)
    assert found.columns == RELATED_PRODUCTS.column_names
    lists = {}
    for row in found.orderBy("sort", "product_id", "place").collect():
        lists.setdefault((row["sort"], row["product_id"]), []).append(
            (row["related_product_id"], row["basis"])
        )
    return lists


@pytest.mark.parametrize("measure", ["cosine", "conditional", "log_likelihood"])
def test_the_lists_are_those_of_plain_python(spark, measure):
    rng = random.Random(f"related {measure}")
    rules = RelatedRules(named=4, window=5, measure=measure, shrinkage=1.5)
    rows = [row for case in "abcdefghij" for row in drawn_visits(rng, case=case)]
    expected = plain_lists(rows, rules)
    assert {basis for found in expected.values() for _, basis in found} == {"pairs", "category", "overall"}
    assert named(spark, rows, rules) == {key: found for key, found in expected.items() if found}


def test_a_step_is_a_hit_when_it_was_named_before(spark):
    order = {"p": 0, "q": 1}
    rows = [
        {
            "visit_id": f"v{n}", "visitor_id": f"u{n}", "visit_began_at": minute(n * 10),
            "visit_ended_at": minute(n * 10 + 5), "product_id": one,
            "viewed_at": minute(n * 10 + order.get(one, 3)), "chosen_at": None, "is_ordered": False,
            "category": None, "last_at": minute(n * 10),
        }
        for n, basket in enumerate([["p", "q"], ["p", "q"], ["p", "q"], ["p", "z"], ["new", "p"]])
        for one in basket
    ]  # fmt: skip
    visits = spark.createDataFrame(rows, SCHEMA)
    before, after = split(visits, minute(20))
    assert {row["visit_id"] for row in before.collect()} == {"v0", "v1"}
    found = {(row["product_id"], row["wanted"]) for row in steps(after, "alternatives").collect()}
    assert found == {("p", "q"), ("p", "z"), ("p", "new")}
    lists = related_products(before, rules=RelatedRules())
    alternatives, complements = hit_rates(before, lists, after, at=minute(20))
    assert (alternatives.steps, alternatives.visitors) == (3, 3)
    assert alternatives.hits.value == pytest.approx(1 / 3)
    assert alternatives.popular.value == pytest.approx(1 / 3)
    assert alternatives.gain == pytest.approx((0, 0, 0)) or alternatives.gain.value == 0
    assert (complements.steps, complements.hits.value) == (0, None)
