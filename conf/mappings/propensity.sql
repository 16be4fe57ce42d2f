-- @about Customer propensity to purchase (Kaggle): one row a user, 23 flags, and whether they ordered.
-- @about Each flag that is set becomes one click, then comes the checkout, then perhaps an order.
-- @files_only
--
-- @column user_id = UserID | user_id
-- @column basket_icon_click = basket_icon_click
-- @column basket_add_list = basket_add_list
-- @column basket_add_detail = basket_add_detail
-- @column sort_by = sort_by
-- @column image_picker = image_picker
-- @column account_page_click = account_page_click
-- @column promo_banner_click = promo_banner_click
-- @column detail_wishlist_add = detail_wishlist_add
-- @column list_size_dropdown = list_size_dropdown
-- @column closed_minibasket_click = closed_minibasket_click
-- @column checked_delivery_detail = checked_delivery_detail
-- @column checked_returns_detail = checked_returns_detail
-- @column sign_in = sign_in
-- @column saw_checkout = saw_checkout
-- @column saw_sizecharts = saw_sizecharts
-- @column saw_delivery = saw_delivery
-- @column saw_account_upgrade = saw_account_upgrade
-- @column saw_homepage = saw_homepage
-- @column device_mobile = device_mobile
-- @column device_computer = device_computer
-- @column device_tablet = device_tablet
-- @column returning_user = returning_user
-- @column loc_uk = loc_uk
-- @column ordered = ordered
--
-- The data has no times. Rows are taken in blocks of 100 users, each block 100 seconds long, from
-- 2024-01-01 on: a user's clicks fall into the block's first 80 seconds, the checkout into the next
-- 10, the outcome into the last 10, each moment drawn from a hash of the user and the flag, so that
-- the users of a block are interleaved at random and a second replay gives the same.
-- `element` is always the flag's name: the 23 flags can be had back from it exactly. A flag that is
-- neither 0 nor 1 becomes an event of that name, and so a dead letter.

-- @topic clicks
with flags as (
  select
    _row,
    user_id,
    unnest([
      {flag: 'basket_icon_click', value: basket_icon_click, type: 'cart_view', page: null},
      {flag: 'basket_add_list', value: basket_add_list, type: 'add_to_cart', page: null},
      {flag: 'basket_add_detail', value: basket_add_detail, type: 'add_to_cart', page: null},
      {flag: 'sort_by', value: sort_by, type: 'interaction', page: null},
      {flag: 'image_picker', value: image_picker, type: 'interaction', page: null},
      {flag: 'account_page_click', value: account_page_click, type: 'page_view', page: 'account'},
      {flag: 'promo_banner_click', value: promo_banner_click, type: 'interaction', page: null},
      {flag: 'detail_wishlist_add', value: detail_wishlist_add, type: 'wishlist_add', page: null},
      {flag: 'list_size_dropdown', value: list_size_dropdown, type: 'interaction', page: null},
      {flag: 'closed_minibasket_click', value: closed_minibasket_click, type: 'interaction', page: null},
      {flag: 'checked_delivery_detail', value: checked_delivery_detail, type: 'interaction', page: null},
      {flag: 'checked_returns_detail', value: checked_returns_detail, type: 'interaction', page: null},
      {flag: 'sign_in', value: sign_in, type: 'sign_in', page: null},
      {flag: 'saw_checkout', value: saw_checkout, type: 'page_view', page: 'checkout'},
      {flag: 'saw_sizecharts', value: saw_sizecharts, type: 'page_view', page: 'sizecharts'},
      {flag: 'saw_delivery', value: saw_delivery, type: 'page_view', page: 'delivery'},
      {flag: 'saw_account_upgrade', value: saw_account_upgrade, type: 'page_view', page: 'account'},
      {flag: 'saw_homepage', value: saw_homepage, type: 'page_view', page: 'home'},
      {flag: 'device_mobile', value: device_mobile, type: 'interaction', page: null},
      {flag: 'device_computer', value: device_computer, type: 'interaction', page: null},
      {flag: 'device_tablet', value: device_tablet, type: 'interaction', page: null},
      {flag: 'returning_user', value: returning_user, type: 'interaction', page: null},
      {flag: 'loc_uk', value: loc_uk, type: 'interaction', page: null}
    ], recursive := true)
  from input
)
select
  _row,
  user_id || '-' || flag as event_id,
  case value when '1' then type else flag || ' ' || value end as event_type,
  timestamp '2024-01-01' + to_milliseconds(
    (_row - 1) // 100 * 100000 + (md5_number_lower(user_id || flag) % 80000)::bigint
  ) as occurred_at,
  user_id as visitor_id,
  user_id,
  page as page_type,
  flag as element
from flags
where value is distinct from '0'

-- @topic clicks
select
  _row,
  user_id || '-checkout' as event_id,
  'checkout_start' as event_type,
  timestamp '2024-01-01' + to_milliseconds(
    (_row - 1) // 100 * 100000 + 80000 + (md5_number_lower(user_id || 'checkout') % 10000)::bigint
  ) as occurred_at,
  user_id as visitor_id,
  user_id,
  'checkout' as element
from input

-- @topic orders
select
  _row,
  user_id || '-order' as event_id,
  event_id as order_id,
  timestamp '2024-01-01' + to_milliseconds(
    (_row - 1) // 100 * 100000 + 90000 + (md5_number_lower(user_id || 'order') % 10000)::bigint
  ) as occurred_at,
  user_id as visitor_id,
  user_id,
  case ordered when '1' then 'paid' else 'ordered ' || ordered end as status,
  [{product_id: 'basket', quantity: 1}] as lines
from input
where ordered is distinct from '0'
