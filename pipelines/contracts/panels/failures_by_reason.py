"""Payments that failed, by minute."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Failed payments by reason",
    description="Payments that failed, by minute of the failure. They are credited to no source.",
    board="orders",
    place=30,
    kind="timeseries",
    stacked=True,
    sql="""
select date_bin({step}, minute, 'epoch') as time, reason as series, sum(failures) as value
from dashboard.fail_count
where minute >= {since} and minute < {until}
group by 1, 2
order by 1, 2
""",
)
