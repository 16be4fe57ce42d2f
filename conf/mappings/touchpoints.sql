-- @about Advertising touchpoints (Kaggle attribution data): impressions, and conversions with their channel.
-- @about Each row is a touch, an ad_impression whose source is the channel; a conversion is an order as well.
--
-- @column customer_id      = customer_id | cookie
-- @column time             = time | timestamp
-- @column interaction      = interaction
-- @column conversion       = conversion
-- @column conversion_value = conversion_value
-- @column channel          = channel
--
-- The data names no currency and no product: US dollars and one product `conversion` stand for them.

-- @topic clicks
select
  _row,
  md5(concat_ws('|', customer_id, time, interaction, channel)) as event_id,
  case when interaction in ('impression', 'conversion') then 'ad_impression' else interaction end as event_type,
  time as occurred_at,
  customer_id as visitor_id,
  customer_id as user_id,
  channel as source,
  interaction as element
from input

-- @topic orders
select
  _row,
  md5(concat_ws('|', 'order', customer_id, time, channel)) as event_id,
  event_id as order_id,
  time as occurred_at,
  customer_id as visitor_id,
  customer_id as user_id,
  'paid' as status,
  'USD' as currency,
  minor_units(conversion_value) as total_minor,
  [{product_id: 'conversion', quantity: 1, unit_price_minor: minor_units(conversion_value)}] as lines
from input
where conversion is distinct from '0'
