"""Child processes, ports, locks: what makes a pid file trustworthy."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipelines.errors import ServiceError
from pipelines.runtime.embedded import ports, processes
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.embedded.processes import ProcessRecord

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(60)"
)
PARENT = (
    "import subprocess, sys, time;"
    "c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print(c.pid, flush=True); time.sleep(60)"
)


def wait_for_text(log: Path) -> str:
    deadline = time.monotonic() + 20
    while not log.exists() or "\n" not in log.read_text():
        assert time.monotonic() < deadline, "the child wrote nothing"
        time.sleep(0.02)
    return log.read_text()


def test_a_child_has_a_session_of_its_own_and_its_output_goes_to_the_log(tmp_path):
    log = tmp_path / "logs" / "child.log"
    record = processes.start([sys.executable, "-c", STUBBORN], log=log, mark="test")
    try:
        assert wait_for_text(log) == "up\n"
        assert os.getsid(record.pid) == record.pid
    finally:
        processes.stop(record, grace_seconds=0.1)


def test_a_child_that_ignores_the_signal_is_killed(tmp_path):
    record = processes.start([sys.executable, "-c", STUBBORN], log=tmp_path / "log", mark="test")
    wait_for_text(tmp_path / "log")
    processes.stop(record, grace_seconds=0.2)
    assert processes.find(record) is None
    assert not psutil.pid_exists(record.pid), "a zombie is left"


def test_stopping_leaves_no_grandchild(tmp_path):
    record = processes.start([sys.executable, "-c", PARENT], log=tmp_path / "log", mark="test")
    grandchild = int(wait_for_text(tmp_path / "log"))
    processes.stop(record)
    time.sleep(0.1)
    assert not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE


def test_a_reused_pid_is_neither_found_nor_stopped():
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        created = psutil.Process(stranger.pid).create_time()
        stale = ProcessRecord(pid=stranger.pid, created=created - 3600)
        assert processes.find(stale) is None
        processes.stop(stale, stop_signal=signal.SIGKILL)
        assert stranger.poll() is None
        assert processes.find(ProcessRecord(pid=stranger.pid, created=created)) is not None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_marked_child_is_found_without_any_record_but_its_children_are_not(tmp_path):
    mark = str(tmp_path)
    assert processes.marked(mark) == []
    record = processes.start([sys.executable, "-c", PARENT], log=tmp_path / "log", mark=mark)
    wait_for_text(tmp_path / "log")
    assert processes.marked(mark) == [record]
    processes.stop(record)
    assert processes.marked(mark) == []


def test_the_log_of_the_last_start_is_kept(tmp_path):
    log = tmp_path / "log"
    for word in ("first", "second"):
        record = processes.start([sys.executable, "-c", f"print('{word}')"], log=log, mark="test")
        wait_for_text(log)
        processes.stop(record)
    assert (log.read_text(), (tmp_path / "log.1").read_text()) == ("second\n", "first\n")


def test_tail_gives_the_last_lines_or_says_there_are_none(tmp_path):
    log = tmp_path / "log"
    assert processes.tail(log) == "(the log is empty)"
    log.write_text("".join(f"{i}\n" for i in range(100_000)))
    assert processes.tail(log, lines=2) == "99998\n99999"


def test_the_usual_port_is_taken_while_it_is_free():
    with socket.create_server((ports.LOCALHOST, 0)) as server:
        held_port = server.getsockname()[1]
        other = ports.choose(preferred=[held_port])
        assert other != held_port
        assert ports.is_free(other)
        assert ports.accepts(ports.LOCALHOST, held_port)
    assert ports.choose(preferred=[held_port]) == held_port


def test_a_port_held_on_all_interfaces_is_not_free():
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


def test_a_port_promised_to_another_service_is_not_given_twice():
    port = ports.choose(preferred=())
    assert ports.choose(preferred=[port], taken=frozenset([port])) != port


def test_a_lock_held_by_another_is_reported_and_then_freed(tmp_path):
    path = tmp_path / "deep" / "lock"
    with (
        held(path, limit_seconds=1),
        pytest.raises(ServiceError, match=str(path)),
        held(path, limit_seconds=0.2),
    ):
        pytest.fail("two holders")
    with held(path, limit_seconds=1):
        pass
