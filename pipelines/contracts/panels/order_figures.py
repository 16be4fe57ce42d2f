"""Orders in a few figures."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Orders",
    description="Of the chosen time. A sent total that differs from the computed one is kept and counted.",
    board="orders",
    place=10,
    kind="stat",
    columns=8,
    sql="""
select 'paid orders' as label, coalesce(sum(orders), 0) as value
from dashboard.revenue where minute >= {since} and minute < {until}
union all
select 'failed payments', coalesce(sum(failures), 0)
from dashboard.fail_count where minute >= {since} and minute < {until}
union all
select 'orders with a refund', count(*)
from dashboard.orders where ordered_minute >= {since} and ordered_minute < {until} and refunded > 0
union all
select 'totals sent wrong', coalesce(sum(totals_sent_wrong), 0)
from dashboard.revenue where minute >= {since} and minute < {until}
""",
)
