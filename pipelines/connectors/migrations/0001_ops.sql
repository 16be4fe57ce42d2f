-- What the streams did, for the live page and the report. Everything here can be made again from the
-- lake; nothing reads it to decide what data is.

create table ops.batches (
    query        text        not null,
    batch_id     bigint      not null,
    committed_at timestamptz not null,
    duration_ms  integer     not null,
    rows         jsonb       not null,
    rejects      jsonb       not null,
    ages         jsonb       not null,
    age_total_ms bigint      not null,
    primary key (query, batch_id)
);
create index batches_by_time on ops.batches (committed_at, query);
comment on table ops.batches is 'One row per streaming query and committed batch.';
comment on column ops.batches.rows is 'table -> rows the batch added to it';
comment on column ops.batches.rejects is 'reason -> records the batch sent to the dead letters';
comment on column ops.batches.ages is
    'upper bound in ms -> rows whose time from the broker to readable lies in that bucket';
comment on column ops.batches.age_total_ms is 'exact sum of those times in ms';

create table ops.totals (
    kind   text   not null check (kind in ('rows', 'rejects')),
    name   text   not null,
    amount bigint not null,
    primary key (kind, name)
);
comment on table ops.totals is 'Sums of ops.batches.rows and .rejects, kept in the same transaction.';

create table ops.heartbeats (
    query   text        primary key,
    beat_at timestamptz not null
);
comment on table ops.heartbeats is 'When each streaming query was last seen alive, idle or not.';

create table ops.dead_letters_recent (
    topic         text        not null,
    partition     integer     not null,
    "offset"      bigint      not null,
    ingested_at   timestamptz not null,
    stage         text        not null,
    reason        text        not null,
    field         text,
    detail        text,
    value_preview text        not null,
    value_bytes   integer     not null,
    primary key (topic, partition, "offset")
);
create index dead_letters_recent_by_reason on ops.dead_letters_recent (reason, ingested_at desc);
comment on table ops.dead_letters_recent is 'The latest rejected records, 20 a reason.';

create table ops.latest_rows (
    table_name  text        not null,
    topic       text        not null,
    partition   integer     not null,
    "offset"    bigint      not null,
    line_number integer     not null,
    ingested_at timestamptz not null,
    "row"       json        not null,
    primary key (table_name, topic, partition, "offset", line_number)
);
create index latest_rows_by_time on ops.latest_rows (table_name, ingested_at desc);
comment on table ops.latest_rows is 'The latest rows, 20 a table, columns in their order, long texts cut.';
