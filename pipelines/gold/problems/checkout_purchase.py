"""Whether a shopper who goes to the checkout will pay an order in this visit."""

from pipelines.gold.features.parts_of_shop import BOUGHT
from pipelines.gold.features.values import kinds
from pipelines.gold.problems.action import Action
from pipelines.gold.problems.problem import Problem, Worth

PROBLEM = Problem(
    name="checkout_purchase",
    version=1,
    meaning="a checkout that is begun ends in a paid order of the same visit",
    decision=kinds("checkout_start"),
    outcome=BOUGHT,
    keys=("visitor_id", "session_id"),
    horizon_seconds=3_600,
    sets=("twin", "session", "visit_steps", "user"),
    worth=Worth(benefit_minor=1_500, cost_minor=500),
    slices=("device_class", "traffic_source", "country"),
    actions=(
        Action("reassure", "delivery, returns and payment are explained", cost_minor=3, lift=0.12),
        Action(
            "alternatives",
            "products like the one at hand are shown",
            cost_minor=5,
            cost_if_bought_minor=60,
            lift=0.22,
            products="alternatives",
        ),
        Action(
            "complementary_product",
            "what goes with the basket is offered",
            cost_minor=3,
            cost_if_bought_minor=-60,
            lift=-0.03,
            products="complements",
        ),
        Action(
            "discount_now",
            "a discount on this order, at once",
            cost_minor=10,
            cost_if_bought_minor=500,
            lift=1.0,
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
