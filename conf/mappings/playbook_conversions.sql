-- @about Conversions of dbt Labs' attribution playbook: one row an order of one product.
--
-- @column customer_id  = customer_id
-- @column converted_at = converted_at
-- @column revenue      = revenue
--
-- The data names no order, currency or product: the id is made of the row's content.

-- @topic orders
select
  _row,
  md5(concat_ws('|', customer_id, converted_at, revenue)) as event_id,
  event_id as order_id,
  utc_time(converted_at, '%Y-%m-%d %H:%M:%S') as occurred_at,
  customer_id as visitor_id,
  customer_id as user_id,
  'paid' as status,
  'USD' as currency,
  minor_units(revenue) as total_minor,
  [{product_id: 'conversion', quantity: 1, unit_price_minor: minor_units(revenue)}] as lines
from input
