"""What was decided, by what is to be done."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Decisions by action",
    description="Decisions made, by problem and by what is to be done.",
    board="decisions",
    place=10,
    kind="timeseries",
    columns=6,
    stacked=True,
    sql="""
select
    date_bin({step}, minute, timestamptz 'epoch') as time,
    problem || ', ' || action as series,
    sum(decisions)::bigint as value
from dashboard.decision_minutes
where minute >= {since} and minute < {until}
group by 1, 2
order by 1, 2
""",
)
