"""Which sources earn orders, by minute."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Purchases by source",
    description="Paid orders by minute, credited to sources under the chosen model.",
    board="orders",
    place=20,
    kind="timeseries",
    unit="decimal",
    stacked=True,
    sql="""
select date_bin({step}, minute, 'epoch') as time, source as series, sum(orders) as value
from dashboard.source_count
where minute >= {since} and minute < {until} and model = {model} and look_back_seconds = {look_back}
group by 1, 2
order by 1, 2
""",
)
