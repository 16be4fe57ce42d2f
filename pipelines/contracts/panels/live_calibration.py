"""Whether live probabilities came true, version by version."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Live calibration error by block",
    description="Mean distance of probability and frequency over ten bins of equal weight, champion and "
    "shadows side by side, block by block.",
    board="decisions",
    place=70,
    kind="timeseries",
    unit="decimal",
    columns=4,
    sql="""
select
    until_at as time,
    problem || ' v' || model_version || case when is_champion then '' else ' shadow' end as series,
    calibration_error as value
from dashboard.decision_scores
where calibration_error is not null and until_at >= {since} and until_at < {until}
order by 1, 2
""",
)
