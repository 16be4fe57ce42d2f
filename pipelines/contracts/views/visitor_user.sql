-- One row per visitor that was ever signed in, with the user it belongs to now.
-- Keys: visitor_id.
-- user_id is the user of the latest link by occurred_at, then (topic, partition, offset); linked_at is that
-- link's time. Links are kept once an hour of arrival, so two users who take turns within an hour are told
-- apart by each one's kept record of that hour. users is how many the visitor ever had: more than 1 is a
-- shared browser.
select
    n.visitor_id,
    n.user_id,
    n.occurred_at as linked_at,
    n.users
from (
    select
        i.visitor_id,
        i.user_id,
        i.occurred_at,
        row_number() over (
            partition by i.visitor_id
            order by i.occurred_at desc, i.topic desc, i.partition desc, i.offset desc, i.user_id desc
        ) as newest,
        c.users
    from {silver.identities} as i
    inner join (
        select
            l.visitor_id,
            count(*) as users
        from {silver.identity_links} as l
        group by l.visitor_id
    ) as c
        on i.visitor_id = c.visitor_id
) as n
where n.newest = 1
