"""What acting brings, against visitors for whom nothing is done."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="What actions bring",
    description="Each action against visitors held out, over the last 30 days: outcomes and minor units a "
    "decision, with 95 % intervals; among all decisions, or those for which it was worth "
    "most. Whatever the range of time.",
    board="decisions",
    place=80,
    kind="table",
    columns=12,
    units={"acted": "count", "held_out": "count", "uplift": "share", "low": "share", "high": "share"},
    sql="""
select
    problem,
    action,
    among,
    acted,
    held_out,
    rate as uplift,
    rate_low as low,
    rate_high as high,
    round(minor::numeric, 1)::text || coalesce(
        ' (' || round(minor_low::numeric, 1) || ' to ' || round(minor_high::numeric, 1) || ')', ''
    ) as minor_units
from dashboard.decision_uplift
order by problem, among desc, action
""",
)
