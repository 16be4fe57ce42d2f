"""How well live decisions were ranked, version by version."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Live average precision by block",
    description="Average precision of champion and shadows on the same decisions, block by block in order "
    "of decisions, by outcomes that no action has moved.",
    board="decisions",
    place=50,
    kind="timeseries",
    unit="decimal",
    columns=4,
    sql="""
select
    until_at as time,
    problem || ' v' || model_version || case when is_champion then '' else ' shadow' end as series,
    average_precision as value
from dashboard.decision_scores
where average_precision is not null and until_at >= {since} and until_at < {until}
order by 1, 2
""",
)
