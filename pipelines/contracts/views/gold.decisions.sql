-- One row per decision, with what became of it.
-- Keys: topic, partition, offset.
-- All that silver.decisions says, and of decisions whose outcome can no longer change the columns of
-- gold.decision_outcomes: label, outcome_at, was_right, weight. They are null while it is open.
select
    d.*,
    o.label,
    o.outcome_at,
    o.was_right,
    o.weight
from {silver.decisions} as d
left join {gold.decision_outcomes} as o
    on o.ingested_date = d.ingested_date
    and o.topic = d.topic
    and o.partition = d.partition
    and o.offset = d.offset
