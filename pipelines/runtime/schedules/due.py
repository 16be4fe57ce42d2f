"""What is to be run now: a function of the plan, of what was run, and of the clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.runtime.schedules.plan import Planned

TRIES = 3
"""So often a job is started for one tick until it succeeds."""
_PAUSE = timedelta(minutes=10)


@dataclass(frozen=True)
class Past:
    """A job's runs so far. `since`: when it was first scheduled; the rest is null before its first run.

    `due_at`, `started_at`, `ended_at`, `exit_code`, `last_line` are of the newest run, `tries` those for
    its tick, `succeeded_for` the newest tick that one ended well for.
    """

    since: datetime
    due_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    last_line: str | None = None
    tries: int = 0
    succeeded_for: datetime | None = None


@dataclass(frozen=True)
class Standing:
    """How a job stands: the tick that it owes, if any, from when on it may run, and what it waits for."""

    owed: datetime | None
    ready_at: datetime | None
    waits_for: tuple[str, ...]


def standing(one: Planned, plan: Mapping[str, Planned], past: Mapping[str, Past], now: datetime) -> Standing:
    """How the job stands at `now`. Of several ticks that were missed only the newest is owed."""
    own = past[one.job]
    newest = one.ticks.newest(after=own.since, until=now)
    owed = newest if newest is not None and _is_open(own, newest) else None
    if owed is None:
        return Standing(None, one.ticks.first_from(now + timedelta(microseconds=1)), ())
    waits = tuple(other for other in one.after if not _has_succeeded(plan[other], past[other], owed))
    return Standing(owed, _ready_at(own, owed), waits)


def next_job(plan: Sequence[Planned], past: Mapping[str, Past], now: datetime) -> tuple[str, datetime] | None:
    """The job to run now and its tick: who has waited longest, of equals the first of the plan.

    A job waits since the first tick that it has missed, so that none which is always due can hold up another.
    """
    by_name = {one.job: one for one in plan}
    ready = []
    for one in plan:
        found = standing(one, by_name, past, now)
        if found.owed and not found.waits_for and found.ready_at and found.ready_at <= now:
            ready.append((_missed_since(one, past[one.job], found.owed), one.job, found.owed))
    chosen = min(ready, key=lambda waiting: waiting[0], default=None)
    return chosen[1:] if chosen else None


def next_moment(plan: Sequence[Planned], past: Mapping[str, Past], now: datetime) -> datetime | None:
    """When the next job becomes due, or may be tried again; none when nothing ever will."""
    by_name = {one.job: one for one in plan}
    found = (standing(one, by_name, past, now) for one in plan)
    moments = [one.ready_at for one in found if one.ready_at and one.ready_at > now]
    ticks = [tick for one in plan if (tick := one.ticks.first_from(now + timedelta(microseconds=1)))]
    return min([*moments, *ticks], default=None)


def _missed_since(one: Planned, past: Past, owed: datetime) -> datetime:
    before = max(past.since, past.due_at or past.since)
    return min(owed, one.ticks.first_from(before + timedelta(microseconds=1)) or owed)


def _is_open(past: Past, tick: datetime) -> bool:
    if past.due_at is None or past.due_at < tick:
        return True
    return past.due_at == tick and past.succeeded_for != tick and past.tries < TRIES


def _ready_at(past: Past, tick: datetime) -> datetime:
    """At once, or some time after a run for it that failed. One that was broken off did not fail."""
    if past.due_at != tick or past.ended_at is None or past.exit_code is None:
        return tick
    return past.ended_at + past.tries * _PAUSE


def _has_succeeded(one: Planned, past: Past, tick: datetime) -> bool:
    """Whether the job ended well for its newest tick up to that one; before its first none is owed."""
    needed = one.ticks.newest(after=past.since, until=tick)
    return needed is None or (past.succeeded_for is not None and past.succeeded_for >= needed)
