-- @about REES46 multi-category store (Kaggle): one row an event; a purchase row is an order of one line.
-- @about Exports of other months and shops rename or lose columns; the aliases below are those met.
--
-- @column event_time     = event_time | timestamp | time | eventTime
-- @column event_type     = event_type | event | eventType | action
-- @column product_id     = product_id | item_id | productId
-- @column category_id?   = category_id | categoryId
-- @column category_code? = category_code | category | categoryCode
-- @column brand?         = brand
-- @column price?         = price | item_price
-- @column user_id        = user_id | visitor_id | userId
-- @column user_session?  = user_session | session_id | session | userSession
--
-- The data has no event ids: they are made of the row's content. So a replay done twice gives the
-- same ids, and rows that the export itself holds twice are recognised as duplicates.

-- @topic clicks
select
  _row,
  md5(concat_ws('|', event_time, event_type, product_id, price, user_id, user_session)) as event_id,
  case event_type when 'view' then 'product_view' when 'cart' then 'add_to_cart' else event_type end as event_type,
  utc_time(event_time, ['%Y-%m-%d %H:%M:%S UTC', '%Y-%m-%d %H:%M:%S']) as occurred_at,
  user_id as visitor_id,
  user_id,
  user_session as session_id,
  product_id,
  category_id,
  category_code as category,
  brand,
  minor_units(price) as price_minor,
  'USD' as currency
from input
where event_type is distinct from 'purchase'

-- @topic orders
select
  _row,
  md5(concat_ws('|', event_time, event_type, product_id, price, user_id, user_session)) as event_id,
  event_id as order_id,
  utc_time(event_time, ['%Y-%m-%d %H:%M:%S UTC', '%Y-%m-%d %H:%M:%S']) as occurred_at,
  user_id as visitor_id,
  user_id,
  user_session as session_id,
  'paid' as status,
  'USD' as currency,
  minor_units(price) as total_minor,
  [{
    product_id: product_id,
    quantity: 1,
    unit_price_minor: minor_units(price),
    category_id: category_id,
    category: category_code,
    brand: brand
  }] as lines
from input
where event_type = 'purchase'
