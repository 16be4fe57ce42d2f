"""How much of each source's credit may still change."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Provisional and final by source",
    description="Paid orders under the chosen model. Provisional: late clicks may still change the credit.",
    board="attribution",
    place=20,
    kind="bars",
    unit="decimal",
    stacked=True,
    sql="""
select source as label, standing.name as series, sum(standing.orders) as value
from dashboard.source_count
cross join lateral (
    values ('final', final_orders), ('provisional', provisional_orders)
) as standing (name, orders)
where minute >= {since} and minute < {until} and model = {model} and look_back_seconds = {look_back}
group by 1, 2
order by sum(sum(standing.orders)) over (partition by source) desc, 1, 2
""",
)
