-- What people look at. Views only: the role clicklake_dashboard reads these and no table, and each is a
-- security barrier. Amounts are in major units here (euros, not cents), shares are fractions of orders.

create schema dashboard;
comment on schema dashboard is 'Views for dashboards; the role clicklake_dashboard reads nothing else.';

create function gold.major_units(minor bigint, currency text) returns numeric
language sql immutable parallel safe
return minor / case
    when currency in ('CLP', 'ISK', 'JPY', 'KRW', 'PYG', 'UGX', 'VND', 'XAF', 'XOF', 'XPF') then 1.0
    when currency in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') then 1000.0
    else 100.0
end;
comment on function gold.major_units is 'Minor units as an amount of the currency, by its digits in ISO 4217.';

-- Spend is counted by days of UTC, so credit is, too.
create index attributed_orders_by_day
on gold.attributed_orders (((ordered_minute at time zone 'UTC')::date), look_back_seconds, model);

create view dashboard.source_count with (security_barrier) as
select
    minute,
    look_back_seconds,
    model,
    source,
    currency,
    order_micros / 1000000.0 as orders,
    final_micros / 1000000.0 as final_orders,
    (order_micros - final_micros) / 1000000.0 as provisional_orders,
    gold.major_units(revenue_minor, currency) as revenue,
    gold.major_units(profit_minor, currency) as profit
from gold.source_count;
comment on view dashboard.source_count is
'One row per minute of the order, look-back, model, source and currency: paid orders credited to the source.';

create view dashboard.fail_count with (security_barrier) as
select minute, reason, failures from gold.fail_count;
comment on view dashboard.fail_count is 'One row per minute and reason: payments that failed.';

create view dashboard.category_count with (security_barrier) as
select minute, category, orders, pieces from gold.category_count;
comment on view dashboard.category_count is
'One row per minute and category: paid orders with a line of the category, and pieces in them.';

create view dashboard.gender_count with (security_barrier) as
select minute, gender, orders from gold.gender_count;
comment on view dashboard.gender_count is 'One row per minute and gender of the user: paid orders.';

create view dashboard.revenue with (security_barrier) as
select
    minute,
    currency,
    orders,
    gold.major_units(revenue_minor, currency) as revenue,
    gold.major_units(profit_minor, currency) as profit,
    gold.major_units(refunded_minor, currency) as refunded,
    totals_sent_wrong
from gold.revenue;
comment on view dashboard.revenue is 'One row per minute of the order and currency: paid orders, net of refunds.';

create view dashboard.orders with (security_barrier) as
select
    order_id,
    ordered_at,
    ordered_minute,
    status,
    is_paid,
    payment_method,
    currency,
    gold.major_units(paid_minor, currency) as paid,
    gold.major_units(refunded_minor, currency) as refunded,
    gold.major_units(net_minor, currency) as net,
    gold.major_units(profit_minor, currency) as profit,
    total_agrees,
    level,
    gender,
    country,
    versions,
    touches,
    look_back_seconds,
    is_final,
    first_ingested_at
from gold.orders;
comment on view dashboard.orders is 'One row per order: how it stands now. No visitor, no user, no lines.';

create view dashboard.attributed_orders with (security_barrier) as
select
    order_id,
    look_back_seconds,
    model,
    source,
    share_micros / 1000000.0 as share,
    gold.major_units(revenue_minor, currency) as revenue,
    gold.major_units(profit_minor, currency) as profit,
    currency,
    ordered_minute,
    is_final,
    fit_version
from gold.attributed_orders;
comment on view dashboard.attributed_orders is
'One row per paid order, look-back, model and source credited; the shares of an order and model sum to 1.';

create view dashboard.attribution_by_model with (security_barrier) as
select
    minute,
    look_back_seconds,
    model,
    source,
    sum(order_micros) / 1000000.0 as orders,
    sum(final_micros) / 1000000.0 as final_orders
from gold.source_count
group by minute, look_back_seconds, model, source;
comment on view dashboard.attribution_by_model is
'One row per minute, look-back, model and source: orders credited, over all currencies.';

create view dashboard.provisional_and_final with (security_barrier) as
select
    ordered_minute,
    is_final,
    count(*) as orders
from gold.orders
where is_paid
group by ordered_minute, is_final;
comment on view dashboard.provisional_and_final is
'One row per minute and standing: paid orders whose credit is final, or may still change by late clicks.';

create view dashboard.path_lengths with (security_barrier) as
select
    ordered_minute,
    look_back_seconds,
    touches,
    count(*) as orders
from gold.orders
where is_paid
group by ordered_minute, look_back_seconds, touches;
comment on view dashboard.path_lengths is
'One row per minute, look-back and number of touches on the path: paid orders.';

create view dashboard.models with (security_barrier) as
select distinct model, look_back_seconds from gold.source_count;
comment on view dashboard.models is 'One row per model and look-back that credit was given under.';

create view dashboard.roas with (security_barrier) as
select
    day,
    look_back_seconds,
    model,
    source,
    currency,
    gold.major_units(sum(spend_minor)::bigint, currency) as spend,
    gold.major_units(sum(revenue_minor)::bigint, currency) as revenue,
    gold.major_units(sum(profit_minor)::bigint, currency) as profit,
    sum(revenue_minor) / nullif(sum(spend_minor), 0) as roas
from (
    select
        (ordered_minute at time zone 'UTC')::date as day,
        look_back_seconds,
        model,
        source,
        currency,
        revenue_minor,
        profit_minor,
        0::bigint as spend_minor
    from gold.attributed_orders
    where currency is not null
    union all
    select s.day, m.look_back_seconds, m.model, s.source, s.currency, 0, 0, s.amount_minor
    from gold.spend as s
    cross join (select distinct model, look_back_seconds from gold.source_count) as m
) as flows
group by day, look_back_seconds, model, source, currency;
comment on view dashboard.roas is
'One row per UTC day, look-back, model, source and currency: what advertising cost and what it earned.';
comment on column dashboard.roas.roas is 'revenue / spend; null where nothing was spent';

create view dashboard.freshness with (security_barrier) as
select
    query,
    batch_id,
    committed_at,
    watermark,
    greatest(extract(epoch from now() - committed_at), 0) as batch_age_seconds,
    greatest(extract(epoch from now() - watermark), 0) as watermark_age_seconds
from ops.ledger;
comment on view dashboard.freshness is
'One row per query that writes here: how old its newest batch is, and up to when its credit is final.';
