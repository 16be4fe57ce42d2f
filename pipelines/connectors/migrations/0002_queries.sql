-- How each streaming query stands now, as its driver last told.

create table ops.queries (
    query       text        primary key,
    state       text        not null check (state in ('starting', 'running', 'waiting', 'failed', 'stopped')),
    since       timestamptz not null,
    seen_at     timestamptz not null,
    restarts    integer     not null,
    last_error  text        check (length(last_error) <= 400),
    retry_at    timestamptz,
    lag_records bigint,
    watermark   timestamptz,
    state_rows  bigint,
    state_bytes bigint
);
comment on table ops.queries is 'One row per streaming query: the newest state its driver told.';
comment on column ops.queries.state is
    'waiting: for its next start after a fault; failed: not started again; stopped: drained, all is well';
comment on column ops.queries.since is 'since when the query is in that state';
comment on column ops.queries.seen_at is 'when the driver told so';
comment on column ops.queries.restarts is 'starts after faults, since the driver started';
comment on column ops.queries.last_error is 'first line of the newest fault, also when the query runs again';
comment on column ops.queries.retry_at is 'when a waiting query is started again';
comment on column ops.queries.lag_records is 'records of the source that no committed batch covers yet';
comment on column ops.queries.watermark is 'lower bound of the event times still expected';
comment on column ops.queries.state_rows is 'rows the query remembers between batches';
comment on column ops.queries.state_bytes is 'memory those rows take';

-- Newest batches of one query, read each second by the live page.
create index batches_by_query on ops.batches (query, committed_at desc, batch_id desc);

-- From now on a batch counts as a sign of life, so that every query is found here.
insert into ops.heartbeats (query, beat_at)
select query, max(committed_at) from ops.batches group by query
on conflict (query) do update set beat_at = greatest(heartbeats.beat_at, excluded.beat_at);
