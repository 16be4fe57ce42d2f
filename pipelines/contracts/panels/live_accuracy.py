"""How often live decisions were right, version by version."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Live accuracy by block",
    description="Share of decisions on whose outcome's side of the threshold the probability lay, "
    "champion and shadows side by side, block by block.",
    board="decisions",
    place=60,
    kind="timeseries",
    unit="share",
    columns=4,
    sql="""
select
    until_at as time,
    problem || ' v' || model_version || case when is_champion then '' else ' shadow' end as series,
    accuracy as value
from dashboard.decision_scores
where accuracy is not null and until_at >= {since} and until_at < {until}
order by 1, 2
""",
)
