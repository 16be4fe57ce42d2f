-- Daily work: since when each job is scheduled, and every run of it.

create table ops.scheduled_jobs (
    job   text        primary key,
    since timestamptz not null
);
comment on table ops.scheduled_jobs is 'One row per job that a scheduler has known.';
comment on column ops.scheduled_jobs.since is 'when it first did; what would have been due before is not owed';

create table ops.scheduled_runs (
    job        text        not null,
    due_at     timestamptz not null,
    started_at timestamptz not null,
    ended_at   timestamptz,
    exit_code  integer,
    last_line  text        check (length(last_line) <= 400),
    primary key (job, due_at, started_at)
);
comment on table ops.scheduled_runs is 'One row per run of a scheduled job: the newest 200 of each job.';
comment on column ops.scheduled_runs.due_at is 'the tick that it was for; of several that were missed, the newest';
comment on column ops.scheduled_runs.ended_at is 'null: it runs, or its scheduler was killed';
comment on column ops.scheduled_runs.exit_code is 'null: it runs, or was broken off with its scheduler; below 0: a signal';
comment on column ops.scheduled_runs.last_line is 'of what it printed; of its errors, when it did not end well';
