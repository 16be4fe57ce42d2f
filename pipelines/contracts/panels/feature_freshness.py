"""Whether feature sets are kept up to date."""

from pipelines.contracts.panel import Panel, Threshold

PANEL = Panel(
    title="Newest batch, by set",
    description="How long ago each live set was last brought up to date. It is when something has arrived.",
    board="features",
    place=20,
    kind="stat",
    unit="seconds",
    columns=6,
    thresholds=(Threshold(30, "warn"), Threshold(300, "bad")),
    sql="""
select name || ' v' || version as label, batch_age_seconds as value
from dashboard.feature_sets
where is_live
order by 1
""",
)
