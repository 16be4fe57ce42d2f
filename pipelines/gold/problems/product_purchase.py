"""Whether the product that a shopper puts into the cart will be bought in this visit."""

from pipelines.gold.features.parts_of_shop import BOUGHT, CARTS
from pipelines.gold.problems.problem import Problem, Worth

PROBLEM = Problem(
    name="product_purchase",
    version=1,
    meaning="a product put into the cart is bought in the same visit",
    decision=CARTS,
    outcome=BOUGHT,
    keys=("visitor_id", "session_id", "product_id"),
    horizon_seconds=3_600,
    sets=("session_product", "session", "user", "product", "user_product", "twin"),
    worth=Worth(benefit_minor=1_000, cost_minor=300),
    slices=("device_class", "traffic_source", "country"),
)
