"""What is bought."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Orders by category",
    description="Paid orders with a line of the category; an order of two categories counts in both.",
    board="orders",
    place=50,
    kind="bars",
    sql="""
select category as label, sum(orders) as value
from dashboard.category_count
where minute >= {since} and minute < {until}
group by 1
order by 2 desc, 1
limit 12
""",
)
