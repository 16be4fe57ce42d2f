"""How often live values were not what history says."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Faults of consistency",
    description="Of each run of `check_consistency`: values that differ, are missing, or are extra.",
    board="features",
    place=51,
    kind="timeseries",
    unit="count",
    columns=6,
    sql="""
select
    checked_at as time,
    found.name as series,
    found.value
from dashboard.consistency_checks
cross join lateral (
    values ('mismatch', mismatch), ('missing', missing), ('extra', extra)
) as found (name, value)
where checked_at >= {since} and checked_at < {until}
order by 1, 2
""",
)
