-- @about KASANDR (Kelkoo): offers shown to users, and which of them were clicked.
-- @about Every row was shown, so it is an offer_impression; with rating 1 it is an offer_click as well.
--
-- @column userid      = userid | user_id
-- @column offerid     = offerid | offer_id
-- @column countrycode = countrycode | country_code | country
-- @column category    = category | category_id
-- @column merchant    = merchant | merchant_id
-- @column utcdate     = utcdate | date | timestamp
-- @column rating      = rating | implicit-feedback | implicit_feedback
--
-- The data has no event ids: they are made of the row's content.

-- @topic clicks
select
  _row,
  md5(concat_ws('|', userid, offerid, utcdate)) || '-shown' as event_id,
  'offer_impression' as event_type,
  utc_time(utcdate, ['%Y-%m-%d %H:%M:%S.%g', '%Y-%m-%d %H:%M:%S']) as occurred_at,
  userid as visitor_id,
  userid as user_id,
  offerid as offer_id,
  category,
  upper(countrycode) as country,
  {merchant: merchant} as properties
from input

-- @topic clicks
select
  _row,
  md5(concat_ws('|', userid, offerid, utcdate)) || '-clicked' as event_id,
  case when rating = '1' then 'offer_click' else 'rating ' || rating end as event_type,
  utc_time(utcdate, ['%Y-%m-%d %H:%M:%S.%g', '%Y-%m-%d %H:%M:%S']) as occurred_at,
  userid as visitor_id,
  userid as user_id,
  offerid as offer_id,
  category,
  upper(countrycode) as country,
  {merchant: merchant} as properties
from input
where rating is distinct from '0'
