"""How fresh each feature set is."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Feature sets",
    description="Of each set that is in Postgres: how long ago its newest batch was written, how long ago "
    "its newest event occurred, and how many entities it knows; whatever the range of time.",
    board="features",
    place=10,
    kind="table",
    columns=12,
    units={"newest_batch": "seconds", "newest_event": "seconds", "entities": "count", "expired": "count"},
    sql="""
select
    name as feature_set,
    version::text as version,
    case when is_live then 'live' else 'waits for its history' end as state,
    batch_age_seconds as newest_batch,
    behind_seconds as newest_event,
    entities,
    expired
from dashboard.feature_sets
order by 1, 2
""",
)
