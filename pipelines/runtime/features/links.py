"""Which visitors are linked to which users, for sets that are kept by visitor and read by user."""

import pyarrow as pa
from psycopg2.extensions import cursor as Cursor

# In one order, so that two who add the same links cannot wait for each other.
_ADD = """
insert into features.links as stored (visitor_id, user_id, first_known_at)
select visitor_id, user_id, timestamptz 'epoch' + min(known_at) * interval '1 microsecond'
from unnest(%(visitor_id)s::text[], %(user_id)s::text[], %(known_at)s::bigint[])
    as new (visitor_id, user_id, known_at)
group by visitor_id, user_id
order by visitor_id collate "C", user_id collate "C"
on conflict (visitor_id, user_id) do update set first_known_at = excluded.first_known_at
where excluded.first_known_at < stored.first_known_at
"""
_COLUMNS = ("visitor_id", "user_id", "known_at")


def add_links(cursor: Cursor, links: pa.Table) -> int:
    """Add rows of `visitor_id`, `user_id` and `known_at`, UTC microseconds; of each pair the earliest stays.

    How many links are new, or known earlier than before. Twice is as once.
    """
    cursor.execute(_ADD, {name: links[name].to_pylist() for name in _COLUMNS})
    return cursor.rowcount
