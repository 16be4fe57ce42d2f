"""How well the champion ranked, block by block."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Champion's average precision by block",
    description="Average precision of the version that decides after each contest, on the block that judged, "
    "with its interval.",
    board="models",
    place=20,
    kind="timeseries",
    unit="decimal",
    columns=6,
    sql="""
select
    contests.held_at as time,
    contests.problem || ' ' || bound.name as series,
    bound.value
from dashboard.contests as contests
cross join lateral (
    values
    ('low', contests.average_precision_low),
    ('', contests.average_precision),
    ('high', contests.average_precision_high)
) as bound (name, value)
where
    contests.decides and bound.value is not null
    and contests.held_at >= {since} and contests.held_at < {until}
order by 1, 2
""",
)
