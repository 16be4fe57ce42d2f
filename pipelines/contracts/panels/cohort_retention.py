"""Who comes again."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Cohort retention",
    description="Of the people who first came in a period, the share that came in a later one, and bought. "
    "All periods, whatever the range of time.",
    board="visits",
    place=40,
    kind="table",
    columns=12,
    units={"people": "count", "retention": "share", "buying": "share"},
    sql="""
select cohort_date::text as first_came, people, periods_since as periods_later, retention, buying
from dashboard.cohorts
where cohort_date > (select max(cohort_date) - 12 * max(period_days) from dashboard.cohorts)
order by cohort_date desc, periods_since
""",
)
