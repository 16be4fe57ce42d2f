"""How many decisions were made on what was old, without a model, or held out."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Stale, held out, by default",
    description="Shares of decisions: a part did not answer (stale), the visitor is held out, no model "
    "decided (default).",
    board="decisions",
    place=40,
    kind="timeseries",
    unit="share",
    columns=6,
    sql="""
select
    date_bin({step}, minutes.minute, timestamptz 'epoch') as time,
    share.name as series,
    sum(share.part)::double precision / sum(minutes.decisions) as value
from dashboard.decision_minutes as minutes
cross join lateral (
    values
    ('stale', minutes.stale),
    ('held out', minutes.held_out),
    ('default', case when minutes.model_version = 0 then minutes.decisions else 0 end)
) as share (name, part)
where minutes.minute >= {since} and minutes.minute < {until}
group by 1, 2
order by 1, 2
""",
)
