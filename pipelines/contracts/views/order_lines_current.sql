-- One row per line of an order, as its latest version that is not a refund has them.
-- Keys: order_id, line_number.
-- A refund's lines are what was given back, so they are never these; an order of which only refunds came
-- has no lines here. Versions are ordered as in order_versions. occurred_at, event_id and the position are
-- those of the version that the lines come from; how the order stands is in orders_current.
select
    l.topic,
    l.partition,
    l.offset,
    l.order_id,
    l.line_number,
    l.line_count,
    l.event_id,
    l.occurred_at,
    l.product_id,
    l.quantity,
    l.unit_price_minor,
    l.currency,
    l.category_id,
    l.category,
    l.brand
from {silver.orders} as l
inner join (
    select
        v.topic,
        v.partition,
        v.offset,
        v.order_id,
        row_number() over (partition by v.order_id order by v.version desc) as newest
    from {silver.order_versions} as v
    where v.status <> 'refunded'
) as c
    on
        l.topic = c.topic
        and l.partition = c.partition
        and l.offset = c.offset
        and l.order_id = c.order_id
where c.newest = 1
