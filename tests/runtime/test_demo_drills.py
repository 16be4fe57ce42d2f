"""The demo's drills: a driver that is started again after its kill, and a check that it was killed."""

import signal
from datetime import UTC, datetime

import pytest

from pipelines.errors import ServiceError
from pipelines.runtime.demo import report
from pipelines.runtime.demo.comparisons import Comparisons
from pipelines.runtime.demo.drills import CRASHES, drill_report, with_crashes
from pipelines.runtime.demo.run import DemoRun
from pipelines.runtime.demo.streams_child import StreamsChild
from pipelines.runtime.failpoints import Failpoint
from pipelines.settings import child_environment, load_settings

KILLED = -signal.SIGKILL


class Process:
    """A driver by its exit code."""

    def __init__(self, number):
        self.number = number
        self.exit_code = None
        self.stopped = False

    def require_running(self):
        if self.exit_code is not None:
            raise ServiceError(f"streams ended with exit code {self.exit_code}")

    def stop(self, *, grace_seconds):
        self.stopped = True


@pytest.fixture
def drivers():
    return []


@pytest.fixture
def start(drivers):
    def begin(restarts):
        drivers.append(Process(restarts))
        return drivers[-1]

    return begin


def test_a_killed_driver_is_started_again_three_times_at_most(start, drivers):
    streams = StreamsChild(start, forgiving=True)
    for restarts in (1, 2, 3):
        streams.require_running()
        drivers[-1].exit_code = KILLED
        streams.require_running()
        assert streams.restarts == restarts
    drivers[-1].exit_code = KILLED
    with pytest.raises(ServiceError, match="exit code -9"):
        streams.require_running()
    assert [one.number for one in drivers] == [0, 1, 2, 3]
    streams.stop(grace_seconds=1)
    assert [one.stopped for one in drivers] == [False, False, False, True]


@pytest.mark.parametrize("exit_code", [0, 1, 2, -signal.SIGTERM, -signal.SIGSEGV])
def test_any_other_end_is_an_end(start, drivers, exit_code):
    streams = StreamsChild(start, forgiving=True)
    drivers[-1].exit_code = exit_code
    with pytest.raises(ServiceError, match=f"exit code {exit_code}"):
        streams.require_running()
    assert len(drivers) == 1


def test_without_a_drill_a_kill_is_an_end(start, drivers):
    streams = StreamsChild(start, forgiving=False)
    drivers[-1].exit_code = KILLED
    with pytest.raises(ServiceError):
        streams.require_running()
    assert (len(drivers), streams.restarts) == (1, 0)


def test_crashes_come_on_top_of_the_settings_of_the_call():
    environment = child_environment(
        conf_file=None, overrides=("kafka.partitions=3", "silver.trigger_seconds=2")
    )
    settings = load_settings(environ=with_crashes(environment))
    assert settings.failpoints == list(CRASHES)
    assert (settings.kafka.partitions, settings.silver.trigger_seconds) == (3, 2)
    usual = load_settings(environ=environment)
    assert settings.bronze.max_records < usual.bronze.max_records
    assert settings.silver.max_mib < usual.silver.max_mib
    assert usual.failpoints == []


def test_crashes_need_no_settings_of_the_call():
    environment = with_crashes({"HOME": "/home/someone"})
    assert environment["HOME"] == "/home/someone"
    assert load_settings(environ=environment).failpoints == list(CRASHES)


def test_queries_fail_and_the_driver_is_killed_in_points_that_exist():
    points = [Failpoint.parse(text) for text in CRASHES]
    assert [one.action for one in points] == [*["raise"] * 5, "kill"]
    assert {one.name.partition(":")[2] for one in points} == {"", "bronze.records", "silver.events"}
    steps = {one.name.partition(":")[0].partition(".")[2] for one in points}
    assert steps == {"before_append", "after_append", "after_batch", "after_book", "before_postgres"}


class TestTheReport:
    def checks(self, drills):
        run = DemoRun(
            started_at=datetime.now(UTC),
            services=None,
            page="",
            page_answers=True,
            feed={"acked": {"clicks": 3}, "failed": {}},
            feed_exit_code=0,
            feed_said="",
            left_behind={},
            conservation={"holds": True},
            compared=Comparisons(
                {},
                {},
                {
                    "holds": False,
                    "tables": {"orders": {"rows": 1, "missing": 1, "extra": 0}},
                    "orders": 1,
                    "late": 0,
                },
                {
                    "ok": False,
                    "entities": 1,
                    "values": 9,
                    "different": 1,
                    "extra": 0,
                    "example": "user ('v',): views",
                },
            ),
            drills=drills,
        )
        return {one.name: one for one in report._checks(run, {"tables": {"silver.events": 3}})}

    def crashes_check(self, fired, *, restarts):
        return self.checks(drill_report(CRASHES, fired, restarts=restarts))[
            "the crashes of the drill happened"
        ]

    def test_it_holds_when_every_crash_happened(self):
        check = self.crashes_check(CRASHES, restarts=1)
        assert check.ok
        assert check.seen == "6 of 6 crashes, the driver started again 1 times"

    def test_it_fails_when_a_feature_is_wrong(self):
        check = self.checks(drill_report((), (), restarts=0))["every feature is what single events add up to"]
        assert (check.ok, check.seen) == (False, "1 differ, such as user ('v',): views; 0 entities are extra")

    def test_it_fails_when_the_settled_book_is_wrong(self):
        found = self.checks(drill_report((), (), restarts=0))
        wrong = found["every credit is as plain Python gives it, late ones settled"]
        assert (wrong.ok, "every credit is as plain Python gives it" in found) == (False, False)

    @pytest.mark.parametrize(
        ("fired", "restarts"), [(CRASHES[:-1], 1), (CRASHES, 0), ((), 0), ((*CRASHES, "x=kill"), 1)]
    )
    def test_it_fails_when_one_did_not(self, fired, restarts):
        assert not self.crashes_check(fired, restarts=restarts).ok

    def test_there_is_no_such_check_without_a_drill(self):
        assert "the crashes of the drill happened" not in self.checks(drill_report((), (), restarts=0))
