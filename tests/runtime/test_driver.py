"""The driver before Spark: what it refuses, and how a gate drains a query."""

import threading

import pytest

from pipelines.connectors.names import LAND_BRONZE, Names
from pipelines.errors import MappingError, ServiceError, SettingsError
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.streams import driver
from pipelines.runtime.streams.gate import Draining, Gate
from pipelines.settings import load_settings


@pytest.fixture(autouse=True)
def without_signals(monkeypatch):
    monkeypatch.setattr(driver, "stop_on", lambda *_: threading.Event())
    monkeypatch.setattr(driver, "_LOCK_SECONDS", 0.1)


def test_a_second_driver_of_the_same_query_is_refused(tmp_path):
    settings = load_settings(overrides=[f"var_dir={tmp_path}"])
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    with (
        held(names.var_dir / "run" / f"{LAND_BRONZE}.lock", limit_seconds=1),
        pytest.raises(ServiceError, match=r"holds .*land_bronze\.lock"),
    ):
        driver.run_streams(settings, available_now=True)


def test_an_unknown_mapping_is_told_before_anything_starts(tmp_path):
    overrides = [f"var_dir={tmp_path}", "bindings=[{topic: shop, mapping: rees47}]"]
    with pytest.raises(MappingError, match="rees46"):
        driver.run_streams(load_settings(overrides=overrides), available_now=True)
    assert list(tmp_path.iterdir()) == []


def test_a_mistaken_failpoint_is_told_before_anything_starts(tmp_path):
    overrides = [f"var_dir={tmp_path}", "failpoints=[clean_silver.after_batch@2=stop]"]
    with pytest.raises(SettingsError, match="NAME@HIT=raise or NAME@HIT=kill"):
        driver.run_streams(load_settings(overrides=overrides), available_now=True)
    assert list(tmp_path.iterdir()) == []


def test_a_shut_gate_lets_the_running_batch_end_and_no_other_begin():
    gate, began, may_end, ended = Gate(), threading.Event(), threading.Event(), []

    def batch():
        with gate.passing():
            began.set()
            may_end.wait(5)
            ended.append("first")

    running = threading.Thread(target=batch)
    running.start()
    began.wait(5)
    threading.Timer(0.2, may_end.set).start()
    gate.shut(wait_seconds=5)
    assert ended == ["first"]
    with pytest.raises(Draining), gate.passing():
        ended.append("second")
    running.join(5)
    assert ended == ["first"]
