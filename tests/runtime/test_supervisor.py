"""The supervisor over hand-made streams: what it starts again, and what it tells."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE
from pipelines.errors import ClicklakeError, LakeError
from pipelines.runtime.streams import driver
from pipelines.runtime.streams.streams_file import StreamsFile
from pipelines.runtime.streams.supervisor import ATTEMPTS
from tests.runtime.stage import BROKER_AWAY

DOWN = "down when the driver was stopped: "


def waits(logs):
    return [one["again_in_seconds"] for one in logs if one["event"] == "query_failed"]


class TestFaultsOutsideABatch:
    def test_the_query_is_started_again_for_ever_with_growing_capped_waits(self, stage):
        times = 1100  # twice as many doublings as a float has

        def script():
            for n in range(1, times + 1):
                stage.fail_outside(LAND_BRONZE)
                yield
                stage.round_seconds = 60
                yield from stage.until_started(LAND_BRONZE, n + 1)

        with capture_logs() as logs:
            stage.play(script())
        assert waits(logs)[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
        assert waits(logs)[-1] == 60
        assert len(stage.started[CLEAN_SILVER]) == 1

    def test_it_is_not_started_before_its_time(self, stage):
        def script():
            stage.fail_outside(LAND_BRONZE)
            yield
            failed_at = stage.now
            yield from stage.until_started(LAND_BRONZE, 2)
            assert stage.now - failed_at == 1
            stage.fail_outside(LAND_BRONZE)
            yield
            failed_at = stage.now
            yield from stage.until_started(LAND_BRONZE, 3)
            assert stage.now - failed_at == 2

        stage.play(script())

    @pytest.mark.parametrize("sign", ["a batch", "a trigger without records"])
    def test_what_goes_through_forgives(self, stage, sign):
        def script():
            for n in (1, 2, 3):
                stage.fail_outside(LAND_BRONZE)
                yield from stage.until_started(LAND_BRONZE, n + 1)
            if sign == "a batch":
                stage.commit(LAND_BRONZE, 0)
            else:
                stage.newest(LAND_BRONZE).query.lastProgress = {"sources": []}
            yield
            stage.fail_outside(LAND_BRONZE)
            yield

        with capture_logs() as logs, pytest.raises(ClicklakeError, match=DOWN):
            stage.play(script())
        assert waits(logs) == [1, 2, 4, 1]

    def test_a_query_that_ends_by_itself_is_started_again(self, stage):
        def script():
            stage.newest(CLEAN_SILVER).query.end()
            yield from stage.until_started(CLEAN_SILVER, 2)

        stage.play(script())
        assert stage.told.of(CLEAN_SILVER)[-1].last_error == "it ended by itself"

    def test_a_start_that_fails_waits_again_and_is_no_restart(self, stage):
        def script():
            stage.refuse[LAND_BRONZE] = [OSError("connection refused"), Exception()]
            stage.fail_outside(LAND_BRONZE)
            yield from stage.until_started(LAND_BRONZE, 2)
            yield

        with capture_logs() as logs:
            stage.play(script())
        assert waits(logs) == [1, 2, 4]
        told = stage.told.of(LAND_BRONZE)[-1]
        assert (told.restarts, told.last_error) == (1, "Exception")

    def test_a_broker_that_leaves_within_a_batch_is_not_the_batchs_fault(self, stage):
        error = Exception(f"An error occurred while calling o1.toArrow.\n: {BROKER_AWAY}\n\tat java.base")

        def script():
            for n in range(1, 3 * ATTEMPTS):
                stage.fail_batch(LAND_BRONZE, 7, error)
                yield from stage.until_started(LAND_BRONZE, n + 1)

        stage.play(script())
        assert stage.told.of(LAND_BRONZE)[-1].last_error == BROKER_AWAY


def test_the_driver_ends_with_the_error_after_the_drain(stage, names):
    file = StreamsFile(names)

    def script():
        assert file.running()
        stage.fail_batch(CLEAN_SILVER, 1, LakeError("no table"))
        yield

    with pytest.raises(ClicklakeError, match="no table"):
        driver._run_until_stopped(None, stage.specs, names, stage.told, stage.stop_after(script()))
    assert not stage.newest(LAND_BRONZE).query.isActive
    assert file.running() is None


def test_states_tell_the_whole_story(stage):
    def script():
        yield
        stage.fail_outside(CLEAN_SILVER)
        stage.now += 10
        yield
        told = stage.told.of(CLEAN_SILVER)[-1]
        assert (told.state, told.restarts, told.last_error) == ("waiting", 0, BROKER_AWAY)
        assert timedelta(0) < told.retry_at - told.seen_at <= timedelta(seconds=1)
        assert told.since <= told.seen_at
        yield from stage.until_started(CLEAN_SILVER, 2)
        stage.now += 10
        yield
        told = stage.told.of(CLEAN_SILVER)[-1]
        assert (told.state, told.restarts, told.last_error) == ("running", 1, BROKER_AWAY)
        assert told.retry_at is None

    stage.play(script())
    assert [one.state for one in stage.told.of(LAND_BRONZE)][-1] == "stopped"
    assert {one.state for one in stage.told.of(LAND_BRONZE)[:-1]} == {"running"}
    running = {one.since for one in stage.told.of(LAND_BRONZE)[:-1]}
    assert len(running) == 1


def test_only_running_queries_beat(stage):
    def script():
        yield
        yield
        stage.fail_outside(CLEAN_SILVER)
        yield
        yield

    with pytest.raises(ClicklakeError, match=DOWN):
        stage.play(script())
    assert stage.told.beats == [LAND_BRONZE, CLEAN_SILVER] * 2 + [LAND_BRONZE] * 2
