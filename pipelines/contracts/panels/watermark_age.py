"""From when on credit may still change."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Final up to",
    description="Age of the watermark: credit of orders before it is no longer changed by the stream.",
    board="attribution",
    place=15,
    kind="stat",
    unit="seconds",
    columns=4,
    sql="""
select query as label, watermark_age_seconds as value
from dashboard.freshness
where watermark is not null
order by 1
""",
)
