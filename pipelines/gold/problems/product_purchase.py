"""Whether the product that a shopper puts into the cart will be bought in this visit."""

from pipelines.gold.features.parts_of_shop import BOUGHT, CARTS
from pipelines.gold.problems.action import Action
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
    # no alternatives: who takes another product does not buy this one
    actions=(
        Action("reassure", "delivery, returns and payment are explained", cost_minor=3, lift=0.12),
        Action(
            "complementary_product",
            "what goes with the basket is offered",
            cost_minor=2,
            cost_if_bought_minor=-40,
            lift=-0.03,
            products="complements",
        ),
        Action(
            "discount_now",
            "a discount on this product, at once",
            cost_minor=8,
            cost_if_bought_minor=300,
            lift=0.9,
        ),
        Action(
            "email_later",
            "an e-mail with the basket, some hours later",
            cost_minor=1,
            lift=0.08,
            after_seconds=4 * 3_600,
            needs_account=True,
        ),
    ),
)
