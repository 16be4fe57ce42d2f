-- @about Sessions of dbt Labs' attribution playbook: one row a visit with its campaign tags.
-- @short_rows
--
-- @column session_id    = session_id
-- @column customer_id   = customer_id
-- @column started_at    = started_at
-- @column ended_at?     = ended_at
-- @column utm_source?   = utm_source
-- @column utm_medium?   = utm_medium
-- @column utm_campaign? = utm_campaign
--
-- Direct visits have no tags; their rows end before the last column.

-- @topic clicks
select
  _row,
  'session-' || session_id as event_id,
  'page_view' as event_type,
  utc_time(started_at, '%Y-%m-%d %H:%M:%S') as occurred_at,
  customer_id as visitor_id,
  customer_id as user_id,
  session_id,
  utm_source as source,
  utm_medium as medium,
  utm_campaign as campaign,
  {ended_at: utc_time(ended_at, '%Y-%m-%d %H:%M:%S')} as properties
from input
