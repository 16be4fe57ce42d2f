"""One run of a scheduled job: a process of its own, never two of the same, ended when it takes too long."""

import fcntl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipelines.connectors.names import Names
from pipelines.runtime.demo.children import PROGRAM, Child
from pipelines.runtime.schedules.plan import Planned

_LOOK_SECONDS = 0.5
_GRACE_SECONDS = 30.0
Wait = Callable[[float], bool]
"""Waits so many seconds; true when asked to stop."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its exit code (null: broken off with the scheduler), and its last line."""

    exit_code: int | None
    last_line: str


class Runner:
    """Starts jobs as `clicklake run JOB` does. `program`: what takes `run JOB` as its arguments."""

    def __init__(
        self, names: Names, *, environment: Mapping[str, str], program: Sequence[str] = PROGRAM
    ) -> None:
        self._logs = names.logs / "schedules"
        self._locks = names.var_dir / "run" / "schedules"
        self._environment = environment
        self._program = program

    def is_running(self, job: str) -> bool:
        """Whether a run of the job that a killed scheduler has left behind still goes on."""
        with closing(self._lock_file(job)) as file:
            return not _locked(file)

    def run(self, one: Planned, *, wait: Wait) -> Outcome:
        """Run the job to its end, to its limit, or until asked to stop."""
        with closing(self._lock_file(one.job)) as file:
            if not _locked(file):
                return Outcome(None, "another run of it was still going on")
            # The process inherits the locked file: the lock lasts as long as it does, whatever becomes of us.
            child = Child(
                one.job,
                ["run", one.job, *one.arguments],
                environment=self._environment,
                logs=self._logs,
                program=self._program,
                files=(file.fileno(),),
            )
        return _watched(child, one.limit_seconds, wait)

    def _lock_file(self, job: str) -> IO[str]:
        self._locks.mkdir(parents=True, exist_ok=True)
        return (self._locks / f"{job}.lock").open("a")


def _watched(child: Child, limit_seconds: float, wait: Wait) -> Outcome:
    deadline = time.monotonic() + limit_seconds
    while child.running:
        if wait(_LOOK_SECONDS):
            child.stop(grace_seconds=_GRACE_SECONDS)
            return Outcome(None, "stopped with its scheduler")
        if time.monotonic() >= deadline:
            child.stop(grace_seconds=_GRACE_SECONDS)
            return Outcome(child.exit_code, f"took longer than {limit_seconds / 60:.0f} minutes")
    return Outcome(child.exit_code, _told(child))


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _told(child: Child) -> str:
    """What it printed last, or, when it did not end well, what its log says last."""
    return child.last_line() if child.exit_code == 0 else _last_line(child.log) or child.last_line()


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
