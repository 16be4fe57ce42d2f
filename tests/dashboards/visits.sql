-- Visits of today and of two cohorts by hand.

insert into gold.daily_sessions
select
    (now() at time zone 'UTC')::date, d.source, 'mobile', d.is_bot, d.currency, d.sessions, 1, 20, 12, 600,
    d.orders, d.orders, d.orders * 2500
from (
    values
    ('google', false, '', 6, 0), ('google', false, 'EUR', 2, 2), ('mail', false, '', 3, 0),
    ('direct', true, '', 9, 0)
) as d (source, is_bot, currency, sessions, orders);

insert into gold.funnels
select
    (now() at time zone 'UTC')::date, f.source, 'mobile', f.sessions, 6, 4, 3, 2, f.sessions, 6, 4, 3, 2, 333333
from (values ('google', 8), ('mail', 7)) as f (source, sessions);

insert into gold.paths
select (now() at time zone 'UTC')::date, p.path, p.place, p.sessions, p.ordering_sessions, p.ordering_sessions
from (
    values ('home > category > product', 1, 8, 2), ('product', 2, 3, 0)
) as p (path, place, sessions, ordering_sessions);

insert into gold.cohorts
values
(7, '2026-03-02', 0, 10, 10, 2), (7, '2026-03-02', 1, 10, 4, 1), (7, '2026-03-09', 0, 5, 5, 0);
