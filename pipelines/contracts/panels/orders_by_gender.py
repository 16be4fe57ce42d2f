"""Who buys."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Orders by gender",
    description="Paid orders by the user's gender as it was known at the time of the order.",
    board="orders",
    place=60,
    kind="bars",
    sql="""
select gender as label, sum(orders) as value
from dashboard.gender_count
where minute >= {since} and minute < {until}
group by 1
order by 2 desc, 1
""",
)
