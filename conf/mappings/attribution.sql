-- @about Clicks and purchases of the first-click attribution pipeline (Kafka, Spark, Postgres, Grafana).
-- @about One mapping for both: a row with a click id is a click, one with a purchase id an order.
--
-- @column click_id?       = Click_ID | clickId
-- @column purchase_id?    = Purchase_ID | purchaseId
-- @column user_id         = User_ID | userId
-- @column click_time?     = Click_time | time | timestamp
-- @column click_at?       = Click_at | page
-- @column source?         = Source
-- @column ip?             = IP | ip_address
-- @column product_id?     = Product_ID | productId
-- @column shipping_cost?  = Shipping_cost
-- @column discount?       = Discount
-- @column total_cost?     = Total_cost | total
-- @column payment_method? = Payment_method
-- @column quantity?       = Quantity
-- @column payment_status? = Payment_status | status
-- @column failure_reason? = Description | failure_reason
-- @column purchase_time?  = Purchase_time | time | timestamp
--
-- The producer's ids begin at 1 again whenever it is started, so the time is part of the event id.
-- Amounts and discounts come as binary floats (0.15000000000000002): they are rounded to minor units.

-- @topic clicks
select
  _row,
  concat_ws('-', 'click', click_id, click_time) as event_id,
  case when click_at = 'Product' then 'product_view' else 'page_view' end as event_type,
  click_time as occurred_at,
  user_id as visitor_id,
  user_id,
  case when click_at = 'Homepage' then 'home' else lower(click_at) end as page_type,
  product_id,
  source,
  ip as ip_address
from input
where click_id is not null

-- @topic orders
select
  _row,
  concat_ws('-', 'purchase', purchase_id, purchase_time) as event_id,
  purchase_id as order_id,
  purchase_time as occurred_at,
  user_id as visitor_id,
  user_id,
  case payment_status when 'success' then 'paid' when 'failure' then 'payment_failed' else payment_status end as status,
  case when payment_status is distinct from 'success' then nullif(failure_reason, 'none') end as failure_reason,
  payment_method,
  'USD' as currency,
  rounded_minor_units(shipping_cost) as shipping_minor,
  basis_points(discount) as discount_bp,
  rounded_minor_units(total_cost) as total_minor,
  [{product_id: product_id, quantity: whole_number(quantity)}] as lines
from input
where purchase_id is not null
