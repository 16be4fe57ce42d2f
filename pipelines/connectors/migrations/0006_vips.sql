-- Visits of VIPs, gathered from the topic vip_actions, each batch in one transaction with its row in
-- ops.ledger (query keep_vip_visits).

create table gold.vip_visits (
    user_id    text        not null,
    first_seen timestamptz not null,
    last_seen  timestamptz not null,
    name       text,
    level      text        not null,
    pages      bigint      not null,
    primary key (user_id, first_seen)
);
create index vip_visits_by_time on gold.vip_visits (last_seen);
comment on table gold.vip_visits is 'One row per visit of a VIP; 30 minutes without an action end it.';
comment on column gold.vip_visits.level is 'the level at the newest action of the visit';
comment on column gold.vip_visits.pages is 'actions within the visit';

create table gold.vip_dead_letters (
    minute  timestamptz not null,
    reason  text        not null,
    records bigint      not null,
    primary key (minute, reason)
);
comment on table gold.vip_dead_letters is 'Records that the VIP route could not use, by minute of the dead letter.';

create index orders_by_user on gold.orders (user_id, ordered_at);

create view dashboard.vips_online with (security_barrier) as
select
    visits.user_id,
    visits.name,
    visits.level,
    visits.first_seen,
    visits.last_seen,
    extract(epoch from visits.last_seen - visits.first_seen)::bigint as seconds_on_site,
    visits.pages,
    spent.currency,
    spent.spent_today
from gold.vip_visits as visits
left join lateral (
    select
        orders.currency,
        gold.major_units(sum(orders.net_minor)::bigint, orders.currency) as spent_today
    from gold.orders as orders
    where orders.user_id = visits.user_id
      and orders.is_paid
      and orders.ordered_at >= date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'
    group by orders.currency
) as spent on true
where visits.last_seen > now() - interval '5 minutes';
comment on view dashboard.vips_online is
'One row per VIP seen in the last 5 minutes and currency of what they paid today (UTC), net of refunds; no currency: nothing.';

create view dashboard.vip_visits with (security_barrier) as
select
    user_id,
    name,
    level,
    first_seen,
    last_seen,
    extract(epoch from last_seen - first_seen)::bigint as seconds_on_site,
    pages
from gold.vip_visits;
comment on view dashboard.vip_visits is
'One row per visit of a VIP: time on site is that from its first to its last action.';

create view dashboard.vip_dead_letters with (security_barrier) as
select minute, reason, records from gold.vip_dead_letters;
comment on view dashboard.vip_dead_letters is
'One row per minute and reason: records that the VIP route could not use.';
