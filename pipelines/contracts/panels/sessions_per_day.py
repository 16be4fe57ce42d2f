"""How many visits there were."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Sessions per day",
    description="Visits that began on the day (UTC), by where they came from; without known robots.",
    board="visits",
    place=10,
    kind="timeseries",
    columns=12,
    stacked=True,
    sql="""
select session_date::timestamp at time zone 'UTC' as time, source as series, sum(sessions) as value
from dashboard.daily_sessions
where session_date >= ({since} at time zone 'UTC')::date
  and session_date <= ({until} at time zone 'UTC')::date
  and not is_bot
group by 1, 2
order by 1, 2
""",
)
