"""How old these figures are."""

from pipelines.contracts.panel import Panel, Threshold

PANEL = Panel(
    title="Newest batch",
    description="How long ago each stream last wrote here. It writes when something has arrived.",
    board="orders",
    place=15,
    kind="stat",
    unit="seconds",
    columns=4,
    thresholds=(Threshold(30, "warn"), Threshold(300, "bad")),
    sql="""
select query as label, batch_age_seconds as value
from dashboard.freshness
where query not in ('build_decisions', 'build_marts', 'build_related')  -- jobs of their own pace
order by 1
""",
)
