-- Eight orders of the last quarter of an hour by hand, all that follows from them, and what ads cost.

insert into gold.orders
select
    o.order_id, 'v-' || o.order_id, 'u-' || o.order_id, m.minute + interval '20 seconds', m.minute,
    o.status, o.is_paid, 'card', o.currency, o.paid_minor, o.refunded_minor,
    o.paid_minor - o.refunded_minor, (o.paid_minor - o.refunded_minor) / 10, true, 'GOLD', o.gender, 'DE',
    '[]', 1, o.touches, 600, o.is_final, m.minute + interval '21 seconds'
from (
    values
    ('o1', 14, 'paid', true, 'EUR', 10000, 0, 'female', 2, true),
    ('o2', 12, 'paid', true, 'EUR', 5000, 0, 'male', 1, true),
    ('o3', 11, 'refunded', true, 'EUR', 8000, 2000, 'female', 3, true),
    ('o4', 9, 'paid', true, 'EUR', 2500, 0, 'unknown', 0, true),
    ('o5', 7, 'paid', true, 'JPY', 3000, 0, 'male', 2, true),
    ('o6', 5, 'payment_failed', false, 'EUR', 0, 0, 'female', 1, false),
    ('o7', 4, 'paid', true, 'EUR', 4000, 0, 'female', 4, false),
    ('o8', 2, 'paid', true, 'EUR', 6000, 0, 'male', 12, false)
) as o (
    order_id, minutes_ago, status, is_paid, currency, paid_minor, refunded_minor, gender, touches, is_final
)
cross join lateral (
    select date_trunc('minute', now()) - make_interval(mins => o.minutes_ago) as minute
) as m;

-- Two models; `linear` gives the first and the last source one half each.
insert into gold.attributed_orders
select
    o.order_id, 600, c.model, c.source, sum(c.share_micros),
    sum(o.net_minor * c.share_micros / 1000000), sum(o.profit_minor * c.share_micros / 1000000),
    o.currency, o.ordered_minute, o.is_final, null
from gold.orders as o
inner join (
    values
    ('o1', 'google', 'email'), ('o2', 'google', 'google'), ('o3', 'facebook', 'google'),
    ('o4', 'direct', 'direct'), ('o5', 'tiktok', 'google'), ('o7', 'facebook', 'email'),
    ('o8', 'email', 'email')
) as p (order_id, first_source, last_source) on o.order_id = p.order_id
cross join lateral (
    values
    ('first', p.first_source, 1000000), ('linear', p.first_source, 500000), ('linear', p.last_source, 500000)
) as c (model, source, share_micros)
group by o.order_id, c.model, c.source;

insert into gold.source_count
select
    ordered_minute, look_back_seconds, model, source, currency, sum(share_micros), sum(revenue_minor),
    sum(profit_minor), coalesce(sum(share_micros) filter (where is_final), 0)
from gold.attributed_orders
group by ordered_minute, look_back_seconds, model, source, currency;

insert into gold.revenue
select
    ordered_minute, currency, count(*), sum(net_minor), sum(profit_minor), sum(refunded_minor),
    count(*) filter (where order_id = 'o2')
from gold.orders
where is_paid
group by ordered_minute, currency;

insert into gold.gender_count
select ordered_minute, gender, count(*) from gold.orders where is_paid group by ordered_minute, gender;

insert into gold.category_count
select ordered_minute, case when touches > 1 then 'shoes' else 'lamps' end, count(*), 2 * count(*)
from gold.orders
where is_paid
group by 1, 2;

insert into gold.fail_count
select ordered_minute, 'card_declined', 1 from gold.orders where not is_paid
union all
select ordered_minute, 'insufficient_funds', 2 from gold.orders where order_id = 'o2';

insert into gold.spend
select (now() at time zone 'UTC')::date, source, 'cpc', campaign, 'EUR', amount_minor
from (values ('google', 'autumn', 2000), ('google', 'brand', 500), ('billboard', 'autumn', 900))
    as s (source, campaign, amount_minor);

insert into ops.ledger
values (
    'attribute_orders', 'd5b2', 41, '{"orders": {"0": 8}}', now() - interval '35 seconds',
    now() - interval '2 seconds'
);
