"""How the supervisor drains: all gates first, nothing kept back by one that cannot be stopped."""

import pytest

from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE
from pipelines.errors import ClicklakeError
from pipelines.runtime.streams.gate import Draining
from tests.runtime.stage import BROKER_AWAY, FROM_PYTHON


def last_states(stage):
    return {name: stage.told.of(name)[-1].state for name in (LAND_BRONZE, CLEAN_SILVER)}


def test_all_is_well_after_a_stop(stage):
    def script():
        yield

    stage.play(script())
    assert last_states(stage) == {LAND_BRONZE: "stopped", CLEAN_SILVER: "stopped"}


def test_no_query_begins_a_batch_while_another_is_stopped(stage):
    refused = []

    def begin_a_batch_of_silver():
        try:
            with stage.newest(CLEAN_SILVER).gate.passing():
                raise AssertionError("a batch began")
        except Draining:
            refused.append(CLEAN_SILVER)
            stage.newest(CLEAN_SILVER).query.end(f"{FROM_PYTHON}\nDraining")

    def script():
        stage.newest(LAND_BRONZE).query.stops = begin_a_batch_of_silver
        yield

    stage.play(script())
    assert refused == [CLEAN_SILVER]
    assert last_states(stage) == {LAND_BRONZE: "stopped", CLEAN_SILVER: "stopped"}


def test_a_query_that_waits_is_reported(stage):
    def script():
        stage.fail_outside(LAND_BRONZE)
        yield

    with pytest.raises(ClicklakeError) as raised:
        stage.play(script())
    assert str(raised.value) == f"down when the driver was stopped: {LAND_BRONZE}: {BROKER_AWAY}"
    assert last_states(stage) == {LAND_BRONZE: "failed", CLEAN_SILVER: "stopped"}


def test_a_batch_that_fails_in_the_drain_is_reported(stage):
    def script():
        query = stage.newest(LAND_BRONZE).query
        query.stops = lambda: stage.fail_batch(LAND_BRONZE, 3, ValueError("odd"))
        yield

    with pytest.raises(ClicklakeError, match=f"^down when .*: {LAND_BRONZE}: ValueError: odd$"):
        stage.play(script())
    assert last_states(stage) == {LAND_BRONZE: "failed", CLEAN_SILVER: "stopped"}


def test_a_fault_is_no_drain_whatever_its_text(stage):
    def script():
        stage.fail_outside(LAND_BRONZE, "Draining the pool failed")
        yield

    with pytest.raises(ClicklakeError, match="Draining the pool failed"):
        stage.play(script())


def test_one_that_cannot_be_stopped_does_not_keep_the_other_running(stage):
    def refuse():
        raise OSError("the JVM does not answer")

    def script():
        stage.newest(LAND_BRONZE).query.stops = refuse
        yield

    with pytest.raises(ClicklakeError, match="the JVM does not answer"):
        stage.play(script())
    assert not stage.newest(CLEAN_SILVER).query.isActive


def test_a_start_that_cannot_be_drains_what_has_started(stage):
    stage.refuse[CLEAN_SILVER] = [ValueError("no such option")]
    with pytest.raises(ValueError, match="no such option"):
        stage.play(iter(()))
    assert not stage.newest(LAND_BRONZE).query.isActive
    assert stage.told.of(LAND_BRONZE)[-1].state == "stopped"
