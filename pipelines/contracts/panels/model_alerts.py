"""What about the champions has passed its limit."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Alerts about champions",
    description="Drift of features, calibration, live score and age: what stands, and what has been cleared "
    "in the chosen time.",
    board="models",
    place=40,
    kind="table",
    columns=12,
    units={"raised": "seconds", "value": "decimal", "limit": "decimal"},
    sql="""
select
    case when cleared_at is null then 'stands' else 'cleared' end as state,
    extract(epoch from now() - raised_at)::double precision as raised,
    problem,
    kind,
    subject,
    value,
    bound as limit,
    message
from dashboard.model_alerts
where cleared_at is null or (cleared_at >= {since} and cleared_at < {until})
order by cleared_at desc nulls first, raised_at desc, problem, kind, subject
limit 50
""",
)
