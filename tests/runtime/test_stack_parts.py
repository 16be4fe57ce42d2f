"""PostgreSQL embedded beside external services: what stands in its way, and whose end is whose."""

import os
import shutil
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from pipelines.errors import ServiceError
from pipelines.runtime import embedded
from pipelines.runtime.embedded import processes
from pipelines.runtime.embedded.state import StateFile
from tests.conftest import open_folder
from tests.runtime.own_stack import Own, query

pytestmark = pytest.mark.services


@pytest.fixture
def folder():
    with open_folder() as made:
        yield made


@pytest.fixture
def small(folder, stack):
    """PostgreSQL embedded, which starts in a second; the others are external, and the session's."""
    made = Own(folder, f"kafka.bootstrap={stack.kafka}", f"mlflow.tracking_uri={stack.mlflow}")
    yield made
    made.down()


def test_external_services_are_used_and_left_alone(small, stack):
    endpoints = small.up()
    assert (endpoints.kafka, endpoints.mlflow) == (stack.kafka, stack.mlflow)
    assert endpoints.embedded == {"postgres"}
    states = {row.name: row.state for row in embedded.status(small.settings, names=small.names)}
    assert states == {"kafka": "external", "postgres": "running", "mlflow": "external"}
    assert small.down() == ["postgres"]
    assert embedded.service_versions(stack)["kafka"] == "4.3.1"


def test_a_stale_postmaster_pid_of_another_living_program_is_no_obstacle(small):
    small.up()
    pid = small.pids()["postgres"]
    os.kill(pid, signal.SIGKILL)
    psutil.Process(pid).wait(10)
    lock = (small.names.services / "postgres").resolve() / "data" / "postmaster.pid"
    lock.write_text("\n".join([str(os.getpid()), *lock.read_text().splitlines()[1:]]) + "\n")
    assert query(small.up(), "SELECT 1") == [(1,)]


def test_a_lost_state_file_does_not_stop_up(small):
    small.up()
    orphan = psutil.Process(small.pids()["postgres"])
    StateFile(names=small.names).path.unlink()
    assert query(small.up(), "SELECT 1") == [(1,)]
    assert not orphan.is_running()


def test_two_ups_at_once_start_one_stack(small):
    both = [subprocess.Popen(small.cli("up"), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate(timeout=120)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert ["already running" in text for text in said].count(True) == 1
    pid = small.pids()["postgres"]
    assert all(str(pid) in text for text in said)


def test_a_held_port_makes_the_service_take_another(small):
    usual = small.settings.postgres.port
    with socket.create_server(("127.0.0.1", usual)):
        endpoints = small.up()
        assert endpoints.postgres.port != usual
        assert small.endpoints() == endpoints
        assert query(endpoints, "SELECT 1") == [(1,)]


def test_when_one_fails_what_was_started_is_stopped_and_its_log_is_shown(folder, stack, monkeypatch):
    monkeypatch.setattr("pipelines.runtime.embedded.mlflow._APPLICATION", "mlflow.no_such_module:app")
    broken = Own(folder, f"kafka.bootstrap={stack.kafka}")
    with pytest.raises(ServiceError, match=r"(?s)mlflow ended while starting.*no_such_module"):
        broken.up()
    assert broken.pids() == {}
    assert processes.marked(str(broken.names.services / "postgres")) == []


def test_running_stack_leaves_what_it_did_not_start(small):
    small.up()
    pids = small.pids()
    with embedded.running_stack(small.settings, names=small.names) as endpoints:
        assert query(endpoints, "SELECT 1") == [(1,)]
    assert small.pids() == pids
    assert query(small.endpoints(), "SELECT 1") == [(1,)]


HOLD = """
import sys, time
from pipelines.connectors.names import Names
from pipelines.runtime import embedded
from pipelines.settings import load_settings

settings = load_settings(overrides=sys.argv[1:])
with embedded.running_stack(settings, names=Names.of(var_dir=settings.var_dir, lake=None)):
    print("up", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_running_stack_cleans_up_when_it_is_told_to_end(small, number, code):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, *small.overrides()],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert child.stdout.readline() == b"up\n"
    started = psutil.Process(small.pids()["postgres"])
    os.killpg(child.pid, number)  # as a terminal does: to the whole foreground group
    assert child.wait(60) == code
    child.stdout.close()
    assert not started.is_running()
    assert small.pids() == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another account")
def test_a_folder_that_the_account_cannot_reach(folder, stack):
    """A clone below /root: the data lies elsewhere, no permission of a parent is changed."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    made = Own(closed, f"kafka.bootstrap={stack.kafka}", f"mlflow.tracking_uri={stack.mlflow}")
    link = made.names.services / "postgres"
    try:
        query(made.up(), "CREATE TABLE kept AS SELECT 'kept' AS word")
        assert link.is_symlink()
        assert closed.stat().st_mode & 0o777 == 0o700
        made.down()
        assert query(made.up(), "SELECT word FROM kept") == [("kept",)]
        made.down()
        shutil.rmtree(made.names.services)
        shutil.rmtree(made.names.secrets)
        assert query(made.up(), "SELECT to_regclass('kept')") == [(None,)], "data of a deleted run"
    finally:
        made.down()
        shutil.rmtree(link.resolve())
