-- One row per visitor and user that were ever named together.
-- Keys: visitor_id, user_id.
-- first_known_at: when the lake could first know it; first_occurred_at: the earliest time of a record that
-- names both; last_seen_hour: the latest hour in which such a record arrived.
select
    i.visitor_id,
    i.user_id,
    min(i.known_at) as first_known_at,
    min(i.occurred_at) as first_occurred_at,
    max(i.seen_hour) as last_seen_hour
from {silver.identities} as i
group by i.visitor_id, i.user_id
