"""What orders bring in, by minute."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="Revenue and profit",
    description="Paid less refunded, and the commission on the goods in it, by minute of the order.",
    board="orders",
    place=40,
    kind="timeseries",
    unit="money",
    columns=12,
    sql="""
with amounts as (
    select
        date_bin({step}, minute, 'epoch') as time,
        currency,
        sum(revenue) as revenue,
        sum(profit) as profit
    from dashboard.revenue
    where minute >= {since} and minute < {until}
    group by 1, 2
),
grid as (
    select time, currency
    from generate_series(date_bin({step}, {since}, 'epoch'), {until}, {step}) as time
    cross join (select distinct currency from amounts) as currencies
)
select time, concat(figures.name, ' ', currency) as series, coalesce(figures.amount, 0) as value
from grid
left join amounts using (time, currency)
cross join lateral (values ('revenue', revenue), ('profit', profit)) as figures (name, amount)
order by 1, 2
""",
)
