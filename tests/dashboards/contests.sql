insert into models.contests values
(
    'run-1', 'checkout_purchase', 1, now() - interval '20 minutes', 'block', 'logistic', 3, 'promoted',
    'It is better.', 0.7, 0.65, 0.75, 0.2, 0.001, 0.01, '[[0.1, 0.12, 50], [0.6, 0.55, 50]]', 30, 500, 'a',
    now() - interval '2 hours', 100, 30, 'b', now() - interval '1 hour', now() - interval '30 minutes', 'r1', 7
),
(
    'run-1', 'checkout_purchase', 1, now() - interval '20 minutes', 'block', 'dummy', null, 'failed',
    'It failed.', null, null, null, null, null, null, null, null, 500, 'a',
    now() - interval '2 hours', 100, 30, 'b', now() - interval '1 hour', now() - interval '30 minutes', 'r1', 7
);

insert into models.alerts values
(
    'checkout_purchase', 'drift', 'twin__sort_by', 3, 0.4, 0.2, 'It has moved.',
    now() - interval '10 minutes', now() - interval '1 minute', null
);
