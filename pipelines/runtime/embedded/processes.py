"""Long-lived child processes: started in a session of their own, found again, ended by id.

A process is known by its id and its time of creation together, so that an id which the system
has meanwhile given to another program is never mistaken for ours.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil

_SAME_CREATION_SECONDS = 2.0
_MARK = "CLICKLAKE_SERVICE"
_children: dict[int, "subprocess.Popen[bytes]"] = {}
"""Children of this process, kept so that the interpreter can reap them."""


class ProcessRecord(msgspec.Struct, frozen=True):
    """What identifies a process. `created` is its creation in epoch seconds, as the system tells it."""

    pid: int
    created: float


@dataclass(frozen=True)
class Account:
    """The user and group that a child runs as; only root may choose another than its own."""

    uid: int
    gid: int


def start(
    command: Sequence[str],
    *,
    log: Path,
    mark: str,
    environment: Mapping[str, str] | None = None,
    account: Account | None = None,
) -> ProcessRecord:
    """Start `command` in its own session, output appended to `log`; the last start's log is kept as `.1`.

    The child outlives this process and does not hear the terminal's Ctrl-C. `mark` is put into its
    environment, by which `marked` finds it even if nothing was written down.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(log.name + ".1"))
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**(os.environ if environment is None else environment), _MARK: mark},
            cwd="/",
            start_new_session=True,
            **identity(account),
        )
    _children[child.pid] = child
    return ProcessRecord(pid=child.pid, created=psutil.Process(child.pid).create_time())


def identity(account: Account | None) -> dict[str, Any]:
    """The arguments of `subprocess` that run a child as `account`; none for one's own."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def find(record: ProcessRecord) -> psutil.Process | None:
    """The running process that `record` describes, or none: ended, a zombie, or a reused id."""
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.created) <= _SAME_CREATION_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def marked(mark: str) -> list[ProcessRecord]:
    """The running processes that `start` was given this mark for, without their children."""
    return [
        ProcessRecord(pid=process.pid, created=process.create_time())
        for process in psutil.process_iter()
        if _is_marked(process, mark)
    ]


def _is_marked(process: psutil.Process, mark: str) -> bool:
    try:
        leads = os.getsid(process.pid) == process.pid
        return leads and process.environ().get(_MARK) == mark
    except (psutil.Error, OSError):
        return False


def stop(
    record: ProcessRecord, *, stop_signal: signal.Signals = signal.SIGTERM, grace_seconds: float = 20.0
) -> None:
    """Ask the process to end, then kill what is left of it and its children. Harmless when it has ended."""
    process = find(record)
    if process is None:
        return
    family = [process]
    try:
        family += process.children(recursive=True)
        process.send_signal(stop_signal)
    except psutil.NoSuchProcess:
        pass
    _, alive = psutil.wait_procs([process], timeout=grace_seconds)
    _kill([*alive, *family[1:]])
    _forget(record.pid)


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(list(processes), timeout=5.0)


def _forget(pid: int) -> None:
    child = _children.pop(pid, None)
    if child is not None:
        child.poll()


def tail(log: Path, *, lines: int = 15) -> str:
    """The last lines of a log file, or a note that there are none."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 16_384), os.SEEK_SET)
            text = stream.read().decode(errors="replace")
    except OSError:
        text = ""
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"


def since(record: ProcessRecord) -> str:
    """When the process was created, ISO 8601 in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
