"""How long decisions took, as percentiles of all that were counted."""

from pipelines.contracts.panel import Panel

PANEL = Panel(
    title="How long decisions took",
    description="Percentiles from the arrival of the event that asked at the broker (ingested), and from "
    "its own time (published), to the decision; from buckets that are at most 4 % or 1 ms "
    "wide.",
    board="decisions",
    place=20,
    kind="timeseries",
    unit="seconds",
    columns=6,
    sql="""
select
    reached.time,
    reached.measure || ' ' || share.name as series,
    min(reached.bound_ms) / 1000.0::double precision as value
from (
    select
        counted.time,
        counted.measure,
        counted.bound_ms,
        sum(counted.decisions) over (
            partition by counted.time, counted.measure order by counted.bound_ms
        ) as up_to,
        sum(counted.decisions) over (partition by counted.time, counted.measure) as whole
    from (
        select
            date_bin({step}, minute, timestamptz 'epoch') as time,
            measure,
            bound_ms,
            sum(decisions) as decisions
        from dashboard.decision_latencies
        where minute >= {since} and minute < {until}
        group by 1, 2, 3
    ) as counted
) as reached
cross join (values ('p50', 0.5), ('p95', 0.95), ('p99', 0.99)) as share (name, part)
where reached.up_to >= reached.whole * share.part
group by 1, 2
order by 1, 2
""",
)
