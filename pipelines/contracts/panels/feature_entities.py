"""How many entities each feature set knows, and how many of them read as never seen."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Entities known and expired",
    description="Entities of each live set; those beyond their time to live read as never seen. Of a large "
    "table a sample is counted.",
    board="features",
    place=30,
    kind="bars",
    columns=6,
    stacked=True,
    sql="""
select sets.name || ' v' || sets.version as label, counted.series as series, counted.value
from dashboard.feature_sets as sets
cross join lateral (
    values (1, 'known', sets.entities - coalesce(sets.expired, 0)), (2, 'expired', sets.expired)
) as counted (place, series, value)
where sets.entities is not null
order by 1, counted.place
""",
)
