"""Whether a shopper who looks at a product will pay an order in this visit."""

from pipelines.gold.features.parts_of_shop import BOUGHT, VIEWS
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
)
