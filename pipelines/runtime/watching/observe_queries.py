"""How each streaming query stands, read back from the schema `ops`: for the page and `clicklake status`."""

from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg2.extensions import connection as Connection

from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE

LAYERS = {LAND_BRONZE: "bronze", CLEAN_SILVER: "silver"}
"""Which layer a streaming query makes readable."""


@dataclass(frozen=True)
class ObservedQuery:
    """One streaming query: what its driver told (see `QueryState`), and its committed batches.

    `state` and what follows to `state_bytes` are null when the driver told nothing. `alive_at` is the
    newest heartbeat or batch and moves also while there is nothing to do. `batch_id`, `committed_at`,
    `duration_ms`: of the newest batch. `batch_*_ms`: of the newest 20 batches. `*_last_minute`: batches,
    and rows they added, in the 60 s before the reading.
    """

    query: str
    layer: str
    alive_at: datetime | None
    state: str | None
    since: datetime | None
    seen_at: datetime | None
    restarts: int | None
    last_error: str | None
    retry_at: datetime | None
    lag_records: int | None
    watermark: datetime | None
    state_rows: int | None
    state_bytes: int | None
    committed_at: datetime | None
    batch_id: int | None
    duration_ms: int | None
    batch_p50_ms: int | None
    batch_p95_ms: int | None
    batch_max_ms: int | None
    batches_last_minute: int
    rows_last_minute: int


_QUERY_STATES = """
select query, greatest(beat_at, newest.committed_at), state, since, seen_at, restarts, last_error, retry_at,
    lag_records, watermark, state_rows, state_bytes, newest.committed_at, batch_id, duration_ms,
    recent.p50, recent.p95, recent.longest, minute.batches, minute.rows
from (select * from ops.heartbeats full join ops.queries using (query)) known
left join lateral (
    select committed_at, batch_id, duration_ms from ops.batches where batches.query = known.query
    order by committed_at desc, batch_id desc limit 1
) newest on true
cross join lateral (
    select percentile_disc(0.5) within group (order by duration_ms) as p50,
        percentile_disc(0.95) within group (order by duration_ms) as p95, max(duration_ms) as longest
    from (
        select duration_ms from ops.batches where batches.query = known.query
        order by committed_at desc, batch_id desc limit 20
    ) twenty
) recent
cross join lateral (
    select count(*) as batches, coalesce(sum(added), 0)::bigint as rows
    from ops.batches, lateral (
        select sum(n::bigint) as added from jsonb_each_text(batches.rows) as given(name, n)
    ) one
    where batches.query = known.query
        and committed_at > %(now)s - interval '60 seconds' and committed_at <= %(now)s
) minute
order by query"""


def query_states(connection: Connection, *, now: datetime | None = None) -> list[ObservedQuery]:
    """Every query that ever reported, by name, as it stands at `now` (aware; null: this moment)."""
    with connection.cursor() as cursor:
        cursor.execute(_QUERY_STATES, {"now": now or datetime.now(UTC)})
        return [ObservedQuery(query, LAYERS.get(query, query), *rest) for query, *rest in cursor]
