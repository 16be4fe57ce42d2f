"""The real services: started together, found, killed, brought up again, brought down."""

import os
import signal

import psutil
import pytest

from pipelines.errors import ServiceError
from pipelines.runtime.embedded.state import StateFile
from tests.conftest import open_folder
from tests.runtime.own_stack import Own, produce_one, query, read_all, run

pytestmark = pytest.mark.services

SERVICES = ("kafka", "postgres", "mlflow")


@pytest.fixture(scope="module")
def own():
    """All three, embedded."""
    with open_folder() as folder:
        made = Own(folder)
        yield made
        made.down()


def test_before_up_the_endpoints_say_what_to_do(tmp_path):
    with pytest.raises(ServiceError, match="kafka is not running: start it with `clicklake up`"):
        Own(tmp_path).endpoints()


def test_services_outlive_up_and_a_down_from_elsewhere_ends_all(own):
    run(own.cli("up"))
    pids = own.pids()
    families = [psutil.Process(pid) for pid in pids.values()]
    families += [child for process in families for child in process.children(recursive=True)]
    assert set(pids) == set(SERVICES)
    assert run(own.cli("status")).count("running") == 3
    run(own.cli("down"))
    assert [process for process in families if process.is_running()] == []
    with pytest.raises(ServiceError, match="not running"):
        own.endpoints()
    assert "Nothing was running" in run(own.cli("down"))


def test_up_after_kill_nine_of_each_recovers_with_the_data(own):
    before = own.up()
    produce_one(before, "kept", value=b"kept")
    query(before, "CREATE TABLE kept AS SELECT 'kept' AS word")
    pids = own.pids()
    for name in SERVICES:
        os.kill(pids[name], signal.SIGKILL)
        psutil.Process(pids[name]).wait(10)
    with pytest.raises(ServiceError, match=f"kafka is not running, its process {pids['kafka']} has ended"):
        own.endpoints()
    after = own.up()
    assert after == before
    assert set(own.pids().values()).isdisjoint(pids.values())
    assert [record.value for record in read_all(after, "kept")] == [b"kept"]
    assert query(after, "SELECT word FROM kept") == [("kept",)]


def test_a_second_up_is_harmless(own):
    first, pids = own.up(), own.pids()
    assert own.up() == first == own.endpoints()
    assert own.pids() == pids


def test_services_that_nothing_tells_of_any_more_are_found_and_ended(own):
    own.up()
    families = [psutil.Process(pid) for pid in own.pids().values()]
    StateFile(names=own.names).path.unlink()
    assert sorted(own.down()) == sorted(SERVICES)
    assert [process for process in families if process.is_running()] == []
