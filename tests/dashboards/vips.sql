-- A VIP who is here and has paid, one who is here and has not, and one who has left.

insert into gold.vip_visits (user_id, first_seen, last_seen, name, level, pages)
values
('u1', now() - interval '9 minutes', now() - interval '10 seconds', 'Ada', 'PLATINUM', 12),
('u-new', now() - interval '2 minutes', now() - interval '1 minute', null, 'PLATINUM', 3),
('u-gone', now() - interval '3 hours', now() - interval '2 hours', 'Bob', 'PLATINUM', 7);
