"""Whether a shopper who looks at a product will pay an order in this visit."""

from pipelines.gold.features.parts_of_shop import BOUGHT, VIEWS
from pipelines.gold.problems.action import Action
from pipelines.gold.problems.problem import Problem, Worth

PROBLEM = Problem(
    name="session_purchase",
    version=1,
    meaning="a visit in which a product is viewed leads to a paid order",
    decision=VIEWS,
    outcome=BOUGHT,
    keys=("visitor_id", "session_id"),
    horizon_seconds=3_600,
    sets=("session", "visit_steps", "user", "twin"),
    worth=Worth(benefit_minor=1_000, cost_minor=100),
    slices=("device_class", "traffic_source", "country"),
    actions=(
        Action("reassure", "delivery, returns and payment are explained", cost_minor=3, lift=0.12),
        Action(
            "alternatives",
            "products like the one at hand are shown",
            cost_minor=5,
            cost_if_bought_minor=40,
            lift=0.22,
            products="alternatives",
        ),
        Action(
            "complementary_product",
            "what goes with the basket is offered",
            cost_minor=3,
            cost_if_bought_minor=-40,
            lift=-0.03,
            products="complements",
        ),
        Action(
            "discount_now",
            "a discount on this order, at once",
            cost_minor=8,
            cost_if_bought_minor=350,
            lift=1.0,
        ),
        Action(
            "email_later",
            "an e-mail with what was looked at, some hours later",
            cost_minor=1,
            lift=0.08,
            after_seconds=4 * 3_600,
            needs_account=True,
        ),
    ),
)
