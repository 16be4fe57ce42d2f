"""Whether the champion's probabilities came true."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Champion's calibration",
    description="Of the newest contest of each problem: decisions in ten bins of equal weight by the "
    "champion's probability, what it expected and what came; whatever the range of time.",
    board="models",
    place=30,
    kind="bars",
    unit="share",
    columns=6,
    sql="""
select
    bin.number || '. ' || newest.problem as label,
    share.name as series,
    share.value
from (
    select distinct on (problem) problem, calibration
    from dashboard.contests
    where decides and calibration is not null
    order by problem, held_at desc
) as newest
cross join lateral jsonb_array_elements(newest.calibration) with ordinality as bin (content, number)
cross join lateral (
    values
    ('expected', (bin.content ->> 0)::double precision),
    ('observed', (bin.content ->> 1)::double precision)
) as share (name, value)
order by newest.problem, bin.number, 2
""",
)
