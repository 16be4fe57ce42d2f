"""How often the products that are named are those that come next."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Related products: hit rate",
    description="Share of steps to another product, in visits after the lists were made, that led to one "
    "of the ten named; beside it that of the ten most popular products.",
    board="visits",
    place=50,
    kind="timeseries",
    unit="share",
    columns=12,
    sql="""
select
    rates.measured_at as time,
    rates.sort || ' by ' || rates.measure || named.name as series,
    named.value
from dashboard.related_hit_rates as rates
cross join lateral (
    values ('', rates.hit_rate), (': the most popular', rates.popular)
) as named (name, value)
where
    named.value is not null
    and rates.measured_at >= {since} and rates.measured_at < {until}
order by 1, 2
""",
)
