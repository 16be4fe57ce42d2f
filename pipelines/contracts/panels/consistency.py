"""Whether online was offline, set by set."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Online equals offline",
    description="The newest `check_consistency`: of each set the values that were read live and computed "
    "again from silver, those that were not equal (there must be none), and the share that lateness changes; "
    "whatever the range of time.",
    board="features",
    place=50,
    kind="table",
    columns=6,
    units={"checked": "seconds", "values": "count", "faults": "count", "late_share": "share"},
    sql="""
select
    feature_set,
    extract(epoch from now() - checked_at)::double precision as checked,
    compared as values,
    faults,
    late_share
from dashboard.newest_consistency
order by feature_set
""",
)
