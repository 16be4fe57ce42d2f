insert into gold.related_hit_rates values
(
    now() - interval '10 minutes', 'alternatives', 'cosine', now() - interval '1 day', 200, 50,
    0.3, 0.25, 0.35, 0.02, 0.01, 0.03, 0.28, 0.2, 0.3
),
(
    now() - interval '10 minutes', 'complements', 'cosine', now() - interval '1 day', 0, 0,
    null, null, null, null, null, null, null, null, null
);
