-- Marts: what panels need of the lake's gold tables, replaced day by day by the job build_marts in one
-- transaction with its row in ops.ledger. Everything here can be made again from the lake.

create table gold.daily_sessions (
    session_date     date    not null,
    source           text    not null,
    device_class     text    not null,
    is_bot           boolean not null,
    currency         text    not null,
    sessions         bigint  not null,
    bounces          bigint  not null,
    events           bigint  not null,
    page_views       bigint  not null,
    duration_seconds bigint  not null,
    orders           bigint  not null,
    paid_orders      bigint  not null,
    revenue_minor    bigint  not null,
    primary key (session_date, source, device_class, is_bot, currency)
);
comment on table gold.daily_sessions is 'One row per day, source, device class, robots or not, and currency.';
comment on column gold.daily_sessions.currency is 'of revenue_minor; empty: no paid order, or none said';

create table gold.funnels (
    session_date          date   not null,
    source                text   not null,
    device_class          text   not null,
    sessions              bigint not null,
    viewed                bigint not null,
    carted                bigint not null,
    checked_out           bigint not null,
    ordered               bigint not null,
    visitors              bigint not null,
    viewing_visitors      bigint not null,
    carting_visitors      bigint not null,
    checking_out_visitors bigint not null,
    ordering_visitors     bigint not null,
    conversion_micros     bigint,
    primary key (session_date, source, device_class)
);
comment on table gold.funnels is 'One row per day, source and device class: how far its sessions came, without robots.';

create table gold.paths (
    session_date      date    not null,
    path              text    not null,
    place             integer not null,
    sessions          bigint  not null,
    ordering_sessions bigint  not null,
    orders            bigint  not null,
    primary key (session_date, place)
);
comment on table gold.paths is 'The 100 most frequent sequences of first page types of each day, without robots.';

create table gold.cohorts (
    period_days   integer not null,
    cohort_date   date    not null,
    periods_since integer not null,
    people        bigint  not null,
    active        bigint  not null,
    buyers        bigint  not null,
    primary key (period_days, cohort_date, periods_since)
);
comment on table gold.cohorts is 'One row per period of first activity and period since: who came again, who bought.';

create view dashboard.daily_sessions with (security_barrier) as
select
    session_date,
    source,
    device_class,
    is_bot,
    nullif(currency, '') as currency,
    sessions,
    bounces,
    events,
    page_views,
    duration_seconds,
    orders,
    paid_orders,
    gold.major_units(revenue_minor, currency) as revenue
from gold.daily_sessions;
comment on view dashboard.daily_sessions is
'One row per day, source, device class, robots or not, and currency: sessions and what they earned.';

create view dashboard.funnels with (security_barrier) as
select
    session_date,
    source,
    device_class,
    sessions,
    viewed,
    carted,
    checked_out,
    ordered,
    visitors,
    viewing_visitors,
    carting_visitors,
    checking_out_visitors,
    ordering_visitors,
    conversion_micros / 1000000.0 as conversion
from gold.funnels;
comment on view dashboard.funnels is 'One row per day, source and device class: how far its sessions came.';

create view dashboard.paths with (security_barrier) as
select session_date, path, place, sessions, ordering_sessions, orders from gold.paths;
comment on view dashboard.paths is 'One row per day and path: the 100 most frequent of each day.';

create view dashboard.cohorts with (security_barrier) as
select
    period_days,
    cohort_date,
    periods_since,
    people,
    active,
    buyers,
    active / people::numeric as retention,
    buyers / people::numeric as buying
from gold.cohorts;
comment on view dashboard.cohorts is
'One row per period of first activity and period since: who came again and who bought, as counts and shares.';
