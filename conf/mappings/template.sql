-- @about A commented start for your own mapping: copy it, rename the columns, run `clicklake mapping check`.
--
-- 1. Say which columns your data has. To the left the name used below, to the right the names it may
--    have in the data (capitals do not matter), best first. `name?` may be missing altogether: it is
--    NULL then. A column without `?` that a file lacks is an error that names the file.
--
-- @column id       = id | event_id
-- @column time     = time | timestamp | created_at
-- @column kind     = kind | event
-- @column visitor  = visitor | cookie_id | client_id
-- @column account? = account | customer_no
-- @column url?     = url
-- @column sku?     = sku | article
-- @column price?   = price
-- @column basket?  = basket | items
-- @column arrived? = arrived | received_at
--
-- 2. One select for each kind of record, below the topic it goes to: clicks, orders, users, products
--    or offers. It reads the view `input`: your columns as text (nested values as JSON text), `_row`,
--    `_file`, and `_rest`, a JSON object of all columns that are not declared. It must give `_row` and
--    the topic's required fields; NULLs are left out. One row may give records in several topics.

-- @topic clicks
select
  _row,
  id as event_id,
  -- The vocabulary is fixed. A word that is not in it is passed on, so that it is seen as a dead letter.
  case kind when 'view' then 'product_view' when 'basket' then 'add_to_cart' when 'page' then 'page_view'
    else kind end as event_type,
  -- 31.12.2024 23:59:58 in UTC. A text of another form is passed on and rejected as bad_time.
  utc_time(time, '%d.%m.%Y %H:%M:%S') as occurred_at,
  visitor as visitor_id,
  account as user_id,
  url as page_url,
  sku as product_id,
  -- "12.50" becomes 1250, exactly; what is no amount is passed on and rejected.
  minor_units(price) as price_minor,
  'EUR' as currency,
  -- What the vocabulary has no field for.
  _rest as properties,
  -- When it arrived originally, for data that is replayed.
  utc_time(arrived, '%d.%m.%Y %H:%M:%S') as known_at
from input
where kind is distinct from 'order'

-- @topic orders
select
  _row,
  id as event_id,
  id as order_id,
  utc_time(time, '%d.%m.%Y %H:%M:%S') as occurred_at,
  visitor as visitor_id,
  account as user_id,
  'paid' as status,
  'EUR' as currency,
  -- An order with several items in one JSON column: [{"sku": "A1", "n": 2, "price": "12.50"}, ...]
  list_transform(json_items(basket), lambda item: {
    product_id: item ->> 'sku',
    quantity: whole_number(item ->> 'n'),
    unit_price_minor: minor_units(item ->> 'price')
  }) as lines,
  utc_time(arrived, '%d.%m.%Y %H:%M:%S') as known_at
from input
where kind = 'order'
