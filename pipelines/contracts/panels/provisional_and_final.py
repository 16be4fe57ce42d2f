"""How soon credit is final."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Provisional against final",
    description="Paid orders by minute: provisional until the watermark has passed them, then final.",
    board="attribution",
    place=30,
    kind="timeseries",
    stacked=True,
    sql="""
select
    date_bin({step}, ordered_minute, 'epoch') as time,
    case when is_final then 'final' else 'provisional' end as series,
    sum(orders) as value
from dashboard.provisional_and_final
where ordered_minute >= {since} and ordered_minute < {until}
group by 1, 2
order by 1, 2
""",
)
