"""Whether a shopper who goes to the checkout will pay an order in this visit."""

from pipelines.gold.features.parts_of_shop import BOUGHT
from pipelines.gold.features.values import kinds
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
)
