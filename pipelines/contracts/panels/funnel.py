"""From view to order."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Funnel",
    description="Sessions that viewed a product, then put one into the cart, then went to the checkout, then "
    "ordered, each after the one before.",
    board="visits",
    place=20,
    kind="bars",
    sql="""
select steps.label, coalesce(sum(steps.sessions), 0) as value
from dashboard.funnels as f
cross join lateral (
    values (1, 'sessions', f.sessions),
    (2, 'viewed', f.viewed),
    (3, 'carted', f.carted),
    (4, 'checked out', f.checked_out),
    (5, 'ordered', f.ordered)
) as steps (number, label, sessions)
where f.session_date >= ({since} at time zone 'UTC')::date
  and f.session_date <= ({until} at time zone 'UTC')::date
group by steps.number, steps.label
order by steps.number
""",
)
