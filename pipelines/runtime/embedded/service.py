"""One embedded service: started on a free port, waited for, stopped."""

import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pipelines.errors import ServiceError
from pipelines.runtime.embedded import ports, processes
from pipelines.runtime.embedded.processes import Account, ProcessRecord
from pipelines.runtime.embedded.progress import Progress
from pipelines.runtime.embedded.state import ServiceRecord, StateFile

_POLL_SECONDS = 0.1
_ATTEMPTS = 3


@dataclass(frozen=True)
class Launch:
    """How a service's process is started."""

    command: Sequence[str]
    environment: Mapping[str, str] | None = None
    account: Account | None = None


class Service(Protocol):
    """One of the three. `prepare` makes the first start's data, `launch` tells the process to start."""

    name: str
    usual_port: int
    stop_signal: signal.Signals
    limit_seconds: float
    log: Path
    mark: str

    def prepare(self, *, progress: Progress) -> None:
        """Bring the service's data and files into a state that it can start from, also after a crash."""

    def launch(self, port: int) -> Launch:
        """The process that will serve on `port`."""

    def answers(self, port: int) -> bool:
        """Whether it does its work there now. Must return within a few seconds."""


@dataclass
class BringUp:
    """The starting of one call of `up`: where it is written down, told, and cancelled."""

    state: StateFile
    progress: Progress
    cancelled: threading.Event = field(default_factory=threading.Event)
    _taken: set[int] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, subject: str, text: str) -> None:
        """Pass progress on. Raises `ServiceError` once cancelled, which also ends a download."""
        if self.cancelled.is_set():
            raise ServiceError(f"{subject}: the start was cancelled.")
        self.progress(subject, text)

    def ensure(self, service: Service) -> ServiceRecord:
        """The running service, started if it was not. Raises `ServiceError` with the tail of its log."""
        known = self.state.read().get(service.name)
        if known is not None and _works(service, known):
            self.tell(service.name, f"already running on port {known.port}")
            return known
        stop_all(service, known)
        service.prepare(progress=self.tell)
        problem = ""
        for _ in range(_ATTEMPTS):
            port = self._choose(service, known)
            problem = self._start(service, port)
            if not problem:
                return self._ready(service, port)
            if self.cancelled.is_set() or not _worth_retrying(service):
                break
        raise ServiceError(problem)

    def _choose(self, service: Service, known: ServiceRecord | None) -> int:
        last = [known.port] if known else []
        with self._guard:
            port = ports.choose(preferred=[service.usual_port, *last], taken=frozenset(self._taken))
            self._taken.add(port)
        return port

    def _start(self, service: Service, port: int) -> str:
        """Start and wait; what went wrong, or nothing."""
        if self.cancelled.is_set():
            return f"{service.name} was not started: the start was cancelled."
        self.tell(service.name, f"starting on port {port}")
        launch = service.launch(port)
        record = processes.start(
            launch.command,
            log=service.log,
            mark=service.mark,
            environment=launch.environment,
            account=launch.account,
        )
        self.state.put(service.name, ServiceRecord(process=record, port=port, ready=False))
        problem = self._wait(service, record, port)
        if problem:
            processes.stop(record, stop_signal=service.stop_signal, grace_seconds=5.0)
            self.state.remove(service.name)
        return problem

    def _wait(self, service: Service, record: ProcessRecord, port: int) -> str:
        deadline = time.monotonic() + service.limit_seconds
        while not (ports.accepts(ports.LOCALHOST, port) and service.answers(port)):
            if self.cancelled.is_set():
                return f"{service.name} was stopped: the start was cancelled."
            if processes.find(record) is None:
                return f"{service.name} ended while starting. {_log_tail(service)}"
            if time.monotonic() > deadline:
                return f"{service.name} gave no answer in {service.limit_seconds:.0f} s. {_log_tail(service)}"
            time.sleep(_POLL_SECONDS)
        if processes.find(record) is None:
            return f"{service.name} ended while starting. {_log_tail(service)}"
        return ""

    def _ready(self, service: Service, port: int) -> ServiceRecord:
        started = self.state.read()[service.name]
        record = ServiceRecord(process=started.process, port=port, ready=True)
        self.state.put(service.name, record)
        self.tell(service.name, f"ready on port {port}")
        return record


def _works(service: Service, known: ServiceRecord) -> bool:
    return processes.find(known.process) is not None and known.ready and service.answers(known.port)


def stop_all(service: Service, known: ServiceRecord | None) -> bool:
    """Stop the service, and whatever of it nothing tells of any more; whether anything ran."""
    records = processes.marked(service.mark)
    if known is not None and known.process not in records:
        records.append(known.process)
    ran = [record for record in records if processes.find(record)]
    for record in ran:
        processes.stop(record, stop_signal=service.stop_signal)
    return bool(ran)


def _worth_retrying(service: Service) -> bool:
    """Whether the log says that a port was lost to another program, or that an old process lingers."""
    text = processes.tail(service.log).lower()
    return "address already in use" in text or "shared memory block" in text


def _log_tail(service: Service) -> str:
    return f"The end of {service.log}:\n{processes.tail(service.log)}"
