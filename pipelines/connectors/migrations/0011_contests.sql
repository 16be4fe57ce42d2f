-- Contests of models as people see them; the lake's table gold.contests has the same rows.

create schema models;

create table models.contests (
    contest_id             text             not null,
    problem                text             not null,
    problem_version        integer          not null,
    held_at                timestamptz      not null,
    reason                 text             not null,
    contestant             text             not null,
    version                integer,
    outcome                text             not null,
    why                    text             not null,
    average_precision      double precision,
    average_precision_low  double precision,
    average_precision_high double precision,
    difference             double precision,
    p_value                double precision,
    calibration_error      double precision,
    calibration            jsonb,
    row_micros             double precision,
    train_rows             bigint           not null,
    train_digest           text             not null,
    train_until            timestamptz,
    judged_rows            bigint           not null,
    judged_positives       bigint           not null,
    judged_digest          text             not null,
    judged_from            timestamptz      not null,
    judged_until           timestamptz      not null,
    judged_until_row_id    text             not null,
    examples_version       bigint           not null,
    primary key (contest_id, contestant)
);
create index contests_by_time on models.contests (held_at);
comment on table models.contests is 'One row per contestant of a contest: gold.contests says what the columns mean.';

create view dashboard.contests with (security_barrier) as
select
    contests.contest_id,
    contests.problem,
    contests.held_at,
    contests.reason,
    contests.contestant,
    contests.version,
    contests.outcome,
    contests.why,
    contests.average_precision,
    contests.average_precision_low,
    contests.average_precision_high,
    contests.difference,
    contests.p_value,
    contests.calibration_error,
    contests.calibration,
    contests.judged_rows,
    contests.judged_positives,
    contests.judged_until,
    contests.outcome in ('promoted', 'defended', 'kept') as decides
from models.contests as contests;
comment on view dashboard.contests is 'One row per contestant of a contest.';
comment on column dashboard.contests.decides is 'whether it was the champion after the contest';

create table models.alerts (
    problem    text             not null,
    kind       text             not null,
    subject    text             not null,
    version    integer          not null,
    value      double precision not null,
    bound      double precision not null,
    message    text             not null,
    raised_at  timestamptz      not null,
    seen_at    timestamptz      not null,
    cleared_at timestamptz
);
create unique index alerts_standing on models.alerts (problem, kind, subject) where cleared_at is null;
comment on table models.alerts is 'One row per time that something about a champion passed its limit.';
comment on column models.alerts.seen_at is 'when it was last found to';
comment on column models.alerts.cleared_at is 'when it no longer was; null: it stands';

create view dashboard.model_alerts with (security_barrier) as
select
    alerts.problem,
    alerts.kind,
    alerts.subject,
    alerts.version,
    alerts.value,
    alerts.bound,
    alerts.message,
    alerts.raised_at,
    alerts.seen_at,
    alerts.cleared_at
from models.alerts as alerts;
comment on view dashboard.model_alerts is 'One row per alert about a champion, those that are cleared too.';
