"""Schedules of the settings: the moments they mean, and the mistakes that are told before anything starts."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.cli.commands.run import job_names, schedulable
from pipelines.errors import SettingsError
from pipelines.runtime.schedules.plan import planned
from pipelines.runtime.schedules.ticks import cron, every
from pipelines.settings import load_settings
from pipelines.settings.tree import Schedule

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
EXPRESSIONS = ["* * * * *", "*/7 3 * * *", "30 0 * * *", "0 0 29 2 *", "15 6 1 * *", "5 5 * * sat,sun"]


def order(**schedules: Schedule | None) -> list[str]:
    return [one.job for one in planned(schedules, known=schedules)]


def test_the_schedules_of_the_settings_are_of_jobs_that_there_are():
    plan = planned(load_settings(environ={}).schedules, known=schedulable())
    assert {one.job for one in plan} == {
        "build_decisions",
        "build_examples",
        "build_marts",
        "build_related",
        "carry_features",
        "maintain_tables",
        "roll_up_features",
        "run_contest",
        "settle_attribution",
        "settle_labels",
        "snapshot_features",
        "trim_dashboards",
        "trim_features",
        "watch_models",
    }
    assert set(job_names()) - set(schedulable()) == {"run_schedules"}


def test_a_job_comes_after_those_that_it_waits_for():
    a, b = Schedule(every=60, after=["b"]), Schedule(every=60, after=["c"])
    assert order(a=a, b=b, c=Schedule(every=60)) == ["c", "b", "a"]


def test_one_that_is_off_is_not_waited_for():
    (only,) = planned({"a": Schedule(every=60, after=["b"]), "b": None}, known="ab")
    assert (only.job, only.after) == ("a", ())


@pytest.mark.parametrize(
    ("schedules", "said"),
    [
        ({"build_mart": Schedule(every=1)}, r"`schedules\.build_mart`.* did you mean `build_marts`\?"),
        ({"build_mart": None}, "did you mean"),
        ({"build_marts": Schedule(every=1, after=["x"])}, r"`schedules\.build_marts\.after`: `x` is no job"),
        ({"build_marts": Schedule()}, "needs one of `cron` and `every`"),
        ({"build_marts": Schedule(every=1, cron="* * * * *")}, "needs one of"),
        ({"build_marts": Schedule(every=1, after=["build_marts"])}, "build_marts wait for each other"),
        ({"run_schedules": Schedule(every=1)}, "no job that can be scheduled"),
    ],
)
def test_a_mistaken_schedule_is_told(schedules, said):
    with pytest.raises(SettingsError, match=said):
        planned(schedules, known=schedulable())


@pytest.mark.parametrize(
    "text", ["", "daily", "61 * * * *", "* * * *", "* * * * 1", "0 0 * * 1-5", "0 0 31 2 *"]
)
def test_a_cron_expression_that_is_none_is_told(text):
    with pytest.raises(SettingsError, match=r"^`schedules\.a\.cron`: "):
        planned({"a": Schedule(cron=text)}, known="a")


@given(st.sampled_from(EXPRESSIONS), MOMENTS, st.integers(0, 3_000_000))
def test_the_newest_tick_is_the_last_one_going_forward(expression, until, seconds):
    ticks, after = cron(expression, key="k"), until - timedelta(seconds=seconds)
    newest = ticks.newest(after=after, until=until)
    if newest is None:
        first = ticks.first_from(after + timedelta(microseconds=1))
        assert first is None or first > until
        return
    assert after < newest <= until
    assert ticks.first_from(newest) == newest
    following = ticks.first_from(newest + timedelta(microseconds=1))
    assert following is None or following > until


@given(st.integers(1, 1_000_000), MOMENTS)
def test_every_so_many_seconds_since_1970(seconds, until):
    newest = every(seconds).newest(after=datetime(1999, 1, 1, tzinfo=UTC), until=until)
    assert newest is not None
    assert newest.timestamp() == until.timestamp() // seconds * seconds


@pytest.mark.parametrize(
    ("expression", "newest"), [("* * * * *", NOON), ("0 0 11 3 *", datetime(2025, 3, 11, tzinfo=UTC))]
)
def test_what_was_missed_is_not_counted_through(expression, newest):
    asked: list[datetime] = []
    ticks = cron(expression, key="k")
    forward = ticks.first_from
    ticks.first_from = lambda moment: asked.append(moment) or forward(moment)  # type: ignore[method-assign]
    assert ticks.newest(after=NOON - timedelta(days=4000), until=NOON) == newest
    assert len(asked) < 30
