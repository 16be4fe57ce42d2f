-- Whether online was offline: what each proof found, for people to see.

create table ops.consistency_checks (
    checked_at timestamptz primary key default now(),
    reads      bigint           not null,
    compared   bigint           not null,
    mismatch   bigint           not null,
    missing    bigint           not null,
    extra      bigint           not null,
    late_share double precision not null,
    sets       jsonb            not null
);
comment on table ops.consistency_checks is 'One row per run of check_consistency, the newest 1,000.';
comment on column ops.consistency_checks.reads is 'reads of an entity that were computed again from silver';
comment on column ops.consistency_checks.compared is 'values of features that were compared';
comment on column ops.consistency_checks.late_share is
    'share of values that would be others, had every event arrived when it occurred';
comment on column ops.consistency_checks.sets is 'set, and how it was asked for -> values, faults, late_share';

create view dashboard.consistency_checks with (security_barrier) as
select
    checks.checked_at,
    checks.reads,
    checks.compared,
    checks.mismatch,
    checks.missing,
    checks.extra,
    checks.late_share
from ops.consistency_checks as checks;
comment on view dashboard.consistency_checks is 'One row per run of check_consistency.';

create view dashboard.newest_consistency with (security_barrier) as
select
    checks.checked_at,
    sets.key as feature_set,
    (sets.value ->> 'values')::bigint as compared,
    (sets.value ->> 'faults')::bigint as faults,
    (sets.value ->> 'late_share')::double precision as late_share
from (
    select newest.checked_at, newest.sets
    from ops.consistency_checks as newest
    order by newest.checked_at desc
    limit 1
) as checks
cross join jsonb_each(checks.sets) as sets;
comment on view dashboard.newest_consistency is
'One row per feature set, and per way of asking for it, of the newest run of check_consistency.';
