"""All models side by side."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Sources under every model",
    description="Paid orders credited to each source, one bar a model; all share out the same orders.",
    board="attribution",
    place=10,
    kind="bars",
    unit="decimal",
    columns=8,
    sql="""
select source as label, model as series, sum(orders) as value
from dashboard.attribution_by_model
where minute >= {since} and minute < {until} and look_back_seconds = {look_back}
group by 1, 2
order by sum(sum(orders)) over (partition by source) desc, 1, 2
""",
)
