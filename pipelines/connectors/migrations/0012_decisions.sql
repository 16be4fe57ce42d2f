-- Figures of decisions, made of gold.decisions by build_decisions, each run in one transaction with its row
-- in ops.ledger.

create schema decisions;

create table decisions.minutes (
    minute        timestamptz not null,
    problem       text        not null,
    model_version bigint      not null,
    action        text        not null,
    decisions     bigint      not null,
    held_out      bigint      not null,
    stale         bigint      not null,
    primary key (minute, problem, model_version, action)
);
comment on table decisions.minutes is
'One row per minute in which decisions were made, problem, version of the model (0: none) and action.';
comment on column decisions.minutes.stale is 'decisions for which some part did not answer';

create table decisions.latencies (
    minute    timestamptz not null,
    problem   text        not null,
    measure   text        not null,
    bound_ms  bigint      not null,
    decisions bigint      not null,
    primary key (minute, problem, measure, bound_ms)
);
comment on table decisions.latencies is
'One row per minute, problem, measure and bucket: decisions that took up to bound_ms and longer than the bucket before it.';
comment on column decisions.latencies.measure is
'from the asking event''s arrival at the broker (ingested), or from its own time (published)';

create table decisions.blocks (
    problem         text        not null,
    problem_version bigint      not null,
    number          bigint      not null,
    from_at         timestamptz not null,
    until_at        timestamptz not null,
    decisions       bigint      not null,
    still_open      bigint      not null,
    scores          jsonb       not null,
    primary key (problem, problem_version, number)
);
comment on table decisions.blocks is
'One row per block of decisions of a problem, in order of time: from from_at until before until_at.';
comment on column decisions.blocks.still_open is 'decisions whose outcome is not known yet';
comment on column decisions.blocks.scores is 'how each version that spoke in it fits what came';

create table decisions.uplift (
    problem         text             not null,
    action          text             not null,
    among           text             not null,
    since           timestamptz      not null,
    made_at         timestamptz      not null,
    acted           bigint           not null,
    held_out        bigint           not null,
    acted_rate      double precision,
    held_out_rate   double precision,
    rate            double precision,
    rate_low        double precision,
    rate_high       double precision,
    minor           double precision,
    minor_low       double precision,
    minor_high      double precision,
    primary key (problem, action, among)
);
comment on table decisions.uplift is
'One row per action of a problem, among all decisions or those for which it was wanted: what it brings against doing nothing.';
comment on column decisions.uplift.rate is 'difference in outcomes a decision, with its 95 % interval';
comment on column decisions.uplift.minor is 'difference in minor units a decision';

create view dashboard.decision_minutes with (security_barrier) as
select
    minutes.minute,
    minutes.problem,
    minutes.model_version,
    minutes.action,
    minutes.decisions,
    minutes.held_out,
    minutes.stale
from decisions.minutes as minutes;
comment on view dashboard.decision_minutes is
'One row per minute, problem, version of the model (0: none) and action.';

create view dashboard.decision_latencies with (security_barrier) as
select
    latencies.minute,
    latencies.problem,
    latencies.measure,
    latencies.bound_ms,
    latencies.decisions
from decisions.latencies as latencies;
comment on view dashboard.decision_latencies is
'One row per minute, problem, measure (ingested, published) and bucket of milliseconds.';

create view dashboard.decision_scores with (security_barrier) as
select
    blocks.problem,
    blocks.problem_version,
    blocks.number,
    blocks.from_at,
    blocks.until_at,
    blocks.decisions,
    blocks.still_open,
    (score.content ->> 'model_version')::bigint as model_version,
    (score.content ->> 'is_champion')::boolean as is_champion,
    (score.content ->> 'judged')::bigint as judged,
    (score.content ->> 'positives')::bigint as positives,
    (score.content ->> 'accuracy')::double precision as accuracy,
    (score.content ->> 'average_precision')::double precision as average_precision,
    (score.content ->> 'calibration_error')::double precision as calibration_error,
    (score.content ->> 'expected')::double precision as expected,
    (score.content ->> 'observed')::double precision as observed
from decisions.blocks as blocks
cross join jsonb_array_elements(blocks.scores) as score (content);
comment on view dashboard.decision_scores is
'One row per block of decisions and version that spoke in it, to decide or as a shadow.';

create view dashboard.decision_uplift with (security_barrier) as
select
    uplift.problem,
    uplift.action,
    uplift.among,
    uplift.since,
    uplift.made_at,
    uplift.acted,
    uplift.held_out,
    uplift.acted_rate,
    uplift.held_out_rate,
    uplift.rate,
    uplift.rate_low,
    uplift.rate_high,
    uplift.minor,
    uplift.minor_low,
    uplift.minor_high
from decisions.uplift as uplift;
comment on view dashboard.decision_uplift is
'One row per action of a problem and decisions that it is told for: what it brings against doing nothing.';
