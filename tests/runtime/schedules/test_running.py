"""One run: a process of its own, never two of the same, ended with its scheduler or at its limit."""

import os
import sys
import threading
import time

import psutil
import pytest

from pipelines.connectors.names import Names
from pipelines.runtime.schedules.plan import Planned
from pipelines.runtime.schedules.running import Outcome, Runner
from pipelines.runtime.schedules.ticks import every


@pytest.fixture
def runner(tmp_path):
    """Makes a runner whose jobs are this Python code, which finds `run JOB ...` in `sys.argv[1:]`."""

    def make(code: str) -> Runner:
        names = Names.of(var_dir=str(tmp_path / "var"), lake=None)
        return Runner(names, environment=os.environ, program=(sys.executable, "-c", code))

    return make


def job(name: str = "a", **given) -> Planned:
    return Planned(name, every(60), **given)


def never(seconds: float) -> bool:
    time.sleep(min(seconds, 0.05))
    return False


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import sys; print('one'); print(*sys.argv[1:])", Outcome(0, "run a --days 3")),
        ("", Outcome(0, "")),
        ("import sys; print('out'); print('why', file=sys.stderr); sys.exit(3)", Outcome(3, "why")),
        ("import sys; print('out'); sys.exit(1)", Outcome(1, "out")),
        ("import os; os.kill(os.getpid(), 9)", Outcome(-9, "")),
    ],
)
def test_how_a_run_ended_is_its_code_and_its_last_line(runner, code, expected):
    assert runner(code).run(job(arguments=("--days", "3")), wait=never) == expected


def test_a_run_that_takes_too_long_is_ended(runner):
    outcome = runner("import time; time.sleep(60)").run(job(limit_seconds=0.3), wait=never)
    assert outcome == Outcome(-15, "took longer than 0 minutes")


def test_a_run_ends_with_its_scheduler(runner):
    before = psutil.Process().children(recursive=True)
    outcome = runner("import time; time.sleep(60)").run(job(), wait=lambda _: True)
    assert outcome == Outcome(None, "stopped with its scheduler")
    assert psutil.Process().children(recursive=True) == before


def test_there_are_never_two_of_the_same(runner):
    """Not even by another scheduler, or when the one that started it is gone: the process holds the lock."""
    one, other, stop = runner("import time; time.sleep(60)"), runner("print('two')"), threading.Event()
    thread = threading.Thread(target=one.run, args=(job(),), kwargs={"wait": stop.wait})
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not other.is_running("a"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.2)  # by now only the process itself has the file
        assert other.run(job(), wait=never).exit_code is None
        assert other.run(job("b"), wait=never) == Outcome(0, "two")
    finally:
        stop.set()
        thread.join()
    assert not other.is_running("a")
    assert other.run(job(), wait=never) == Outcome(0, "two")
