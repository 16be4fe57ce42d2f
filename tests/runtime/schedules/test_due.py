"""What is due: catch-up, order, tries, and waiting for others. By a clock of the test's own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.runtime.schedules.due import TRIES, Past, next_job, next_moment, standing
from pipelines.runtime.schedules.plan import Planned
from pipelines.runtime.schedules.ticks import cron, every

MIDNIGHT = datetime(2026, 3, 10, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TWO = cron("0 2 * * *", key="k")
LONG_AGO = MIDNIGHT - 400 * DAY


def at(hours: float, days: int = 0) -> datetime:
    return MIDNIGHT + hours * HOUR + days * DAY


def ended(tick: datetime, *, code: int | None = 0, tries: int = 1, good: datetime | None = None) -> Past:
    done = tick if code == 0 else good
    return Past(LONG_AGO, tick, tick, tick + MINUTE, code, "", tries, done)


def due(plan: list[Planned], past: dict[str, Past], now: datetime) -> str | None:
    found = next_job(plan, past, now)
    return found[0] if found else None


def test_a_job_is_due_from_its_tick_on_once():
    plan = [Planned("a", TWO)]
    before = {"a": ended(at(2, -1))}
    assert next_job(plan, before, at(1.99)) is None
    assert next_moment(plan, before, at(1.99)) == at(2)
    assert next_job(plan, before, at(2)) == ("a", at(2))
    assert next_job(plan, {"a": ended(at(2))}, at(23)) is None


def test_of_many_that_were_missed_the_newest_is_done_once():
    plan = [Planned("a", TWO)]
    assert next_job(plan, {"a": ended(at(2, -90))}, at(3)) == ("a", at(2))
    assert next_job(plan, {"a": ended(at(2))}, at(3)) is None


def test_before_a_job_was_first_scheduled_nothing_was_missed():
    plan = [Planned("a", TWO)]
    assert next_job(plan, {"a": Past(since=at(3))}, at(25)) is None
    assert next_job(plan, {"a": Past(since=at(3))}, at(26)) == ("a", at(26))


@pytest.mark.parametrize("other", ["a", "z"])
def test_who_has_waited_longest_comes_first(other):
    """A job that is due again whenever it ends keeps no other waiting, not even one that follows a third."""
    plan = [Planned("usual", every(4)), Planned("third", every(4)), Planned(other, every(4), ("third",))]
    now, tick = at(2), timedelta(seconds=4)
    past = {"usual": ended(now - 2 * tick), "third": ended(now - 3 * tick), other: ended(now - 9 * tick)}
    assert next_job(plan, past, now) == ("third", now)
    assert next_job(plan, past | {"third": ended(now)}, now) == (other, now)
    assert next_job(plan, past | {"third": ended(now), other: ended(now)}, now) == ("usual", now)
    assert next_job(plan, {one.job: ended(now - tick) for one in plan}, now) == ("usual", now)


CHAIN = [Planned("first", TWO), Planned("then", TWO, after=("first",))]


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        pytest.param(ended(at(2)), "then", id="succeeded"),
        pytest.param(ended(at(2, -1)), "first", id="not yet run"),
        pytest.param(ended(at(2), code=1, tries=TRIES, good=at(2, -1)), None, id="failed for good"),
        pytest.param(Past(LONG_AGO, at(2), at(2), None, None, None, 1, at(2, -1)), "first", id="killed"),
    ],
)
def test_a_job_waits_until_the_other_has_succeeded_for_the_same_tick(first, expected):
    assert due(CHAIN, {"first": first, "then": ended(at(2, -1))}, at(9)) == expected


def test_who_waits_says_for_whom():
    past = {"first": ended(at(2), code=1, tries=TRIES), "then": ended(at(2, -1))}
    found = standing(CHAIN[1], {one.job: one for one in CHAIN}, past, at(9))
    assert (found.owed, found.waits_for) == (at(2), ("first",))


def test_the_next_day_s_success_lets_a_waiting_job_go_on():
    past = {"first": ended(at(2, 1)), "then": ended(at(2, -1))}
    assert next_job(CHAIN, past, at(3, 1)) == ("then", at(2, 1))


def test_an_hourly_job_goes_on_from_a_daily_one_until_its_next_tick():
    plan = [Planned("daily", TWO), Planned("hourly", every(3600), after=("daily",))]
    past = {"daily": ended(at(2, -1)), "hourly": ended(at(0))}
    assert next_job(plan, past, at(1)) == ("hourly", at(1))
    assert next_job(plan, past | {"hourly": ended(at(1))}, at(2)) == ("daily", at(2))
    assert due(plan, {"daily": ended(at(2), code=1), "hourly": ended(at(1))}, at(2.1)) is None


def test_what_was_not_due_before_the_other_was_scheduled_is_not_waited_for():
    past = {"first": Past(since=at(5)), "then": ended(at(2, -1))}
    assert due(CHAIN, past, at(9)) == "then"


def test_a_job_that_failed_is_tried_again_later_and_not_for_ever():
    plan = [Planned("a", TWO)]
    failed = ended(at(2), code=1)
    moment = at(2) + 11 * MINUTE
    assert next_job(plan, {"a": failed}, moment - timedelta(seconds=1)) is None
    assert next_moment(plan, {"a": failed}, at(2.1)) == moment
    assert next_job(plan, {"a": failed}, moment) == ("a", at(2))
    assert due(plan, {"a": replace(failed, tries=2)}, moment) is None
    assert due(plan, {"a": replace(failed, tries=2)}, moment + 10 * MINUTE) == "a"
    assert due(plan, {"a": replace(failed, tries=TRIES)}, at(25)) is None
    assert due(plan, {"a": replace(failed, tries=TRIES)}, at(26)) == "a"


def test_a_job_that_was_broken_off_is_due_at_once_and_not_for_ever():
    plan = [Planned("a", TWO)]
    assert due(plan, {"a": ended(at(2), code=None)}, at(2) + MINUTE) == "a"
    assert due(plan, {"a": ended(at(2), code=None, tries=TRIES)}, at(9)) is None


def test_another_schedule_does_not_repeat_what_was_done_for_a_later_tick():
    assert due([Planned("a", TWO)], {"a": ended(at(4))}, at(5)) is None
