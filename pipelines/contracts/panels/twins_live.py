"""The visitors who are here, and what each has done."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Twins, live",
    description="The 20 visitors heard of last, with the flags of their twin that are up; whatever the range "
    "of time.",
    board="features",
    place=40,
    kind="table",
    columns=12,
    units={"seen": "seconds", "order_lines": "count"},
    sql="""
select
    visitor_id as visitor,
    greatest(extract(epoch from now() - last_event_at), 0)::double precision as seen,
    purchases as order_lines,
    case when has_expired then 'expired' else array_to_string(flags, ', ') end as flags
from dashboard.twins_seen_last
order by last_event_at desc, visitor_id
""",
)
