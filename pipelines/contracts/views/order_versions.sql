-- One row per version of an order: the message that said it, without its lines.
-- Keys: order_id, version.
-- version counts from 1 by occurred_at, then event_id, however late a message came. Copies of a message
-- that came too far apart to be found as duplicates count once, as the first that arrived.
-- line_count is the number of lines of this message.
select
    m.topic,
    m.partition,
    m.offset,
    m.ingested_at,
    m.ingested_date,
    m.known_at,
    m.order_id,
    cast(row_number() over (
        partition by m.order_id
        order by m.occurred_at, m.event_id, m.ingested_at, m.topic, m.partition, m.offset
    ) as bigint) as version,
    m.event_id,
    m.occurred_at,
    m.status,
    m.failure_reason,
    m.visitor_id,
    m.user_id,
    m.session_id,
    m.payment_method,
    m.currency,
    m.shipping_minor,
    m.discount_bp,
    m.total_minor,
    m.line_count,
    m.properties
from (
    select
        o.*,
        row_number() over (
            partition by o.order_id, o.visitor_id, o.event_id
            order by o.ingested_at, o.topic, o.partition, o.offset
        ) as arrival
    from {silver.orders} as o
    where o.line_number = 1
) as m
where m.arrival = 1
