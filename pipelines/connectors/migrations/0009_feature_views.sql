-- Feature sets as people see them. Their tables are made while streams run, from each set's definition, so
-- the views ask functions, which look at the tables that are there.

alter table features.sets
    add column ttl_days double precision,
    add column ttl_days_after_purchase double precision;
comment on column features.sets.ttl_days is
    'how long after its last event an entity reads as known; null: noted before there was this column';
comment on column features.sets.ttl_days_after_purchase is 'the same, once it has bought; null: no difference';

create function features.entity_counts() returns table (
    name text,
    version integer,
    entities bigint,
    expired bigint,
    is_estimate boolean,
    newest_event_at timestamptz
)
language plpgsql stable security definer set search_path = pg_catalog as $$
declare
    at constant bigint := extract(epoch from now()) * 1000000;
    day constant bigint := 86400000000;
    most_pages constant integer := 4096;
    one record;
    percent double precision;
    kept text;
    newest bigint;
begin
    for one in
        select
            sets.name as set_name,
            sets.version as set_version,
            sets.ttl_days * day as ttl,
            sets.ttl_days_after_purchase * day as ttl_bought,
            to_regclass(format('features.%I', sets.name || '_v' || sets.version)) as stored
        from features.sets as sets
        where sets.live_from_batch is not null
    loop
        continue when one.stored is null;
        percent := 100 * least(1, most_pages / greatest(1, pg_relation_size(one.stored) / 8192.0));
        kept := case
            when one.ttl is null then 'null::bigint'
            when one.ttl_bought is null then format('%s', one.ttl::bigint)
            else format(
                'case when "_purchases" > 0 then %s else %s end', one.ttl_bought::bigint, one.ttl::bigint
            )
        end;
        execute format(
            'select count(*), count(*) filter (where %s > "_last" + %s), max("_last") '
            'from %s tablesample system (%s)',
            at, kept, one.stored, percent
        ) into entities, expired, newest;
        name := one.set_name;
        version := one.set_version;
        is_estimate := percent < 100;
        entities := entities * (100 / percent);
        expired := case when one.ttl is not null then expired * (100 / percent) end;
        newest_event_at := timestamptz 'epoch' + newest * interval '1 microsecond';
        return next;
    end loop;
end
$$;
comment on function features.entity_counts is
    'Entities of each live set; of a table beyond 32 MiB a sample of its pages is counted.';

create view dashboard.feature_sets with (security_barrier) as
select
    sets.name,
    sets.version,
    sets.live_from_batch is not null as is_live,
    batch.batch_id,
    batch.committed_at,
    extract(epoch from now() - batch.committed_at)::double precision as batch_age_seconds,
    counts.newest_event_at,
    extract(epoch from now() - counts.newest_event_at)::double precision as behind_seconds,
    counts.entities,
    counts.expired,
    counts.is_estimate
from features.sets as sets
left join features.entity_counts() as counts on counts.name = sets.name and counts.version = sets.version
left join lateral (
    select batches.batch_id, batches.committed_at
    from features.batches as batches
    where batches.batch_id >= sets.live_from_batch
    order by batches.batch_id desc
    limit 1
) as batch on true;
comment on view dashboard.feature_sets is
'One row per version of a feature set: its newest batch, its newest event, and the entities it knows.';
comment on column dashboard.feature_sets.behind_seconds is
    'seconds since the newest event that the set knows occurred; it grows while nobody comes, and is negative where a clock is ahead';
comment on column dashboard.feature_sets.entities is 'rows, those that have expired among them';
comment on column dashboard.feature_sets.is_estimate is 'whether entities were counted on a sample';

create function features.seen_last(of_set text, most integer) returns table (
    last_event_at timestamptz,
    has_expired boolean,
    known jsonb
)
language plpgsql stable security definer set search_path = pg_catalog as $$
declare
    at constant bigint := extract(epoch from now()) * 1000000;
    day constant bigint := 86400000000;
    one record;
begin
    select
        sets.ttl_days * day as ttl,
        coalesce(sets.ttl_days_after_purchase, sets.ttl_days) * day as ttl_bought,
        to_regclass(format('features.%I', sets.name || '_v' || sets.version)) as stored
    into one
    from features.sets as sets
    where sets.name = of_set and sets.live_from_batch is not null
    order by sets.version desc
    limit 1;
    if one.stored is null then
        return;
    end if;
    return query execute format(
        'select timestamptz ''epoch'' + newest."_last" * interval ''1 microsecond'', '
        '$1 > newest."_last" + case when coalesce((to_jsonb(newest) ->> ''_purchases'')::bigint, 0) > 0 '
        'then $3 else $2 end, to_jsonb(newest) '
        'from (select * from %s order by "_last" desc nulls last limit $4) as newest',
        one.stored
    ) using at, one.ttl, one.ttl_bought, most;
end
$$;
comment on function features.seen_last is
    'The entities of the newest live version of a set whose last events are newest, as they are stored.';

create view dashboard.twins_seen_last with (security_barrier) as
select
    twins.known ->> 'visitor_id' as visitor_id,
    twins.last_event_at,
    twins.has_expired,
    coalesce((twins.known ->> '_purchases')::bigint, 0) as purchases,
    (twins.known ->> 'batch_id')::bigint as batch_id,
    (
        select array_agg(flags.key order by flags.key collate "C")
        from jsonb_each_text(twins.known) as flags
        where flags.key not in ('visitor_id', 'batch_id', '_last', '_purchases') and flags.value <> '0'
    ) as flags
from features.seen_last('twin', 20) as twins;
comment on view dashboard.twins_seen_last is
'One row per visitor, of the 20 whose last events are newest: the flags of their twin that are up.';
comment on column dashboard.twins_seen_last.purchases is 'order lines paid; they end the visit a day later';
