"""Who of the VIPs is here."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="VIPs online now",
    description="VIPs seen in the last 5 minutes, how long they have been here, and what they paid today "
    "(UTC), net of refunds; one row a currency. Whatever the range of time.",
    board="vips",
    place=10,
    kind="table",
    columns=12,
    units={"time_on_site": "seconds", "pages": "count", "spent_today": "money"},
    sql="""
select
    coalesce(name, user_id) as vip,
    level,
    seconds_on_site as time_on_site,
    pages,
    spent_today,
    currency,
    to_char(last_seen at time zone 'UTC', 'HH24:MI:SS') as last_seen_utc
from dashboard.vips_online
order by last_seen desc, user_id, currency
""",
)
