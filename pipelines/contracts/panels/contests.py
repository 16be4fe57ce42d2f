"""How the newest contests of models ended."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Contests",
    description="Each contestant of the contests held: average precision on decisions that nobody had learnt "
    "from, its difference to the champion's, and why it won or not.",
    board="models",
    place=10,
    kind="table",
    columns=12,
    units={"average_precision": "decimal", "difference": "decimal", "p": "decimal", "ago": "seconds"},
    sql="""
select
    extract(epoch from now() - held_at)::double precision as ago,
    problem,
    contestant,
    coalesce(version::text, '') as version,
    outcome,
    average_precision,
    difference,
    p_value as p,
    why
from dashboard.contests
where held_at >= {since} and held_at < {until}
order by held_at desc, average_precision desc nulls last, contestant
limit 60
""",
)
