"""How many touches lead to an order."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Path lengths",
    description="Paid orders by touches on their path within the stream's look-back; 0: came directly.",
    board="attribution",
    place=40,
    kind="bars",
    columns=4,
    sql="""
select
    case when touches >= 10 then '10 or more' else touches::text end as label,
    sum(orders) as value
from dashboard.path_lengths
where ordered_minute >= {since} and ordered_minute < {until}
group by 1
order by min(touches)
""",
)
