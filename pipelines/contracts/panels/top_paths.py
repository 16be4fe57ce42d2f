"""How visits begin."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Top paths",
    description="The first page types of a visit, repeats left out; of the 100 most frequent of each day.",
    board="visits",
    place=30,
    kind="table",
    units={"sessions": "count", "orders": "count", "ordering": "share"},
    sql="""
select
    path,
    sum(sessions) as sessions,
    sum(orders) as orders,
    sum(ordering_sessions) / sum(sessions) as ordering
from dashboard.paths
where session_date >= ({since} at time zone 'UTC')::date
  and session_date <= ({until} at time zone 'UTC')::date
group by path
order by sessions desc, path
limit 15
""",
)
