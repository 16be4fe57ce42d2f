"""Which versions decide, so that a swap is seen."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Decisions by model",
    description="Decisions made, by problem and version of the model that decides; version 0: the stated "
    "default, no model.",
    board="decisions",
    place=30,
    kind="timeseries",
    columns=6,
    stacked=True,
    sql="""
select
    date_bin({step}, minute, timestamptz 'epoch') as time,
    problem || ' v' || model_version as series,
    sum(decisions)::bigint as value
from dashboard.decision_minutes
where minute >= {since} and minute < {until}
group by 1, 2
order by 1, 2
""",
)
