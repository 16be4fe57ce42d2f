-- One row per version of a user and the time it held.
-- Keys: user_id, valid_from.
-- A version holds from valid_from until valid_to, which is not part of it; null: it holds now. Of versions
-- with the same valid_from the last by (topic, partition, offset) holds, the others never did and are not
-- here. A tombstone ends the version before it and is a period itself, with is_deleted.
select p.*
from (
    select
        v.*,
        lead(v.valid_from) over (
            partition by v.user_id order by v.valid_from, v.topic, v.partition, v.offset
        ) as valid_to
    from {silver.users} as v
) as p
where p.valid_to is null or p.valid_to > p.valid_from
