"""What advertising earns."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Return on advertising spend",
    description="By whole days of UTC under the chosen model. Return: revenue divided by spend.",
    board="attribution",
    place=50,
    kind="table",
    columns=8,
    units={"spend": "money", "revenue": "money", "profit": "money", "return": "decimal"},
    sql="""
select
    source,
    currency,
    sum(spend) as spend,
    sum(revenue) as revenue,
    sum(profit) as profit,
    sum(revenue) / nullif(sum(spend), 0) as "return"
from dashboard.roas
where
    day between ({since} at time zone 'UTC')::date and ({until} at time zone 'UTC')::date
    and model = {model}
    and look_back_seconds = {look_back}
group by 1, 2
order by sum(spend) desc, sum(revenue) desc, 1
""",
)
