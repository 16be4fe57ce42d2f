insert into decisions.minutes values
(date_trunc('minute', now()) - interval '5 minutes', 'checkout_purchase', 3, 'nothing', 90, 10, 1),
(date_trunc('minute', now()) - interval '5 minutes', 'checkout_purchase', 3, 'reassure', 10, 0, 0),
(date_trunc('minute', now()) - interval '4 minutes', 'checkout_purchase', 0, 'nothing', 5, 0, 5);

insert into decisions.latencies values
(date_trunc('minute', now()) - interval '5 minutes', 'checkout_purchase', 'ingested', 2, 50),
(date_trunc('minute', now()) - interval '5 minutes', 'checkout_purchase', 'ingested', 4, 45),
(date_trunc('minute', now()) - interval '5 minutes', 'checkout_purchase', 'ingested', 30, 5);

insert into decisions.blocks values
(
    'checkout_purchase', 1, 1, now() - interval '30 minutes', now() - interval '20 minutes', 100, 2,
    '[
        {"model_version": 3, "is_champion": true, "judged": 98, "positives": 9, "accuracy": 0.9,
         "average_precision": 0.6, "calibration_error": 0.02, "expected": 0.1, "observed": 0.09},
        {"model_version": 4, "is_champion": false, "judged": 98, "positives": 9, "accuracy": 0.91,
         "average_precision": null, "calibration_error": 0.01, "expected": 0.1, "observed": 0.09}
    ]'
);

insert into decisions.uplift values
(
    'checkout_purchase', 'reassure', 'wanted', now() - interval '30 days', now(), 900, 100, 0.12, 0.1,
    0.02, -0.01, 0.05, 25.5, -3, 60
);
