"""Kafka, PostgreSQL and MLflow together: brought up in parallel, found again, brought down."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from pipelines.connectors.names import Names
from pipelines.errors import ServiceError
from pipelines.runtime.embedded import ports, processes
from pipelines.runtime.embedded.endpoints import Endpoints, PostgresEndpoint
from pipelines.runtime.embedded.external import external_postgres, external_services, require_external
from pipelines.runtime.embedded.jars import ensure_jars
from pipelines.runtime.embedded.kafka import EmbeddedKafka
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.embedded.mlflow import EmbeddedMlflow
from pipelines.runtime.embedded.postgres import EmbeddedPostgres
from pipelines.runtime.embedded.progress import Progress, silent
from pipelines.runtime.embedded.service import BringUp, Service, stop_all
from pipelines.runtime.embedded.state import ServiceRecord, StateFile
from pipelines.settings import Settings

_LOCK_SECONDS = 1200.0


@dataclass(frozen=True)
class ServiceStatus:
    """One row of `clicklake status`. `state`: running, stopped or external; `since`: ISO 8601, UTC."""

    name: str
    state: str
    endpoint: str | None
    pid: int | None
    since: str | None
    log: Path | None


def up(settings: Settings, *, names: Names, progress: Progress = silent) -> Endpoints:
    """Start what is not running, fetch the jars, and wait until everything answers.

    Services outlive this process. Raises `ServiceError` (with the tail of a log) or
    `PrerequisiteError`; what this call had started is stopped by then.
    """
    with _termination_raised():
        _up(settings, names, progress)
    return endpoints(settings, names=names)


def down(settings: Settings, *, names: Names, progress: Progress = silent) -> list[str]:
    """Stop the embedded services, whoever started them; the names of those that ran."""
    with held(_lock(names), limit_seconds=_LOCK_SECONDS):
        return _stop(list(_EMBEDDED), settings, names, progress)


@contextmanager
def running_stack(settings: Settings, *, names: Names, progress: Progress = silent) -> Iterator[Endpoints]:
    """Endpoints of running services; on leaving, those that this call started are stopped.

    Also on Ctrl-C and, in the main thread, on SIGTERM, which is raised as `SystemExit(143)`.
    """
    with _termination_raised():
        started = _up(settings, names, progress)
        try:
            yield endpoints(settings, names=names)
        finally:
            with _signals_ignored(), held(_lock(names), limit_seconds=_LOCK_SECONDS):
                _stop(started, settings, names, progress)


def endpoints(settings: Settings, *, names: Names) -> Endpoints:
    """Where the services answer. Raises `ServiceError` when an embedded one is not running."""
    outside = external_services(settings)
    records = StateFile(names=names).read()
    running = {name: _running_port(name, records, names) for name in _EMBEDDED if name not in outside}
    return Endpoints(
        kafka=settings.kafka.bootstrap or f"{ports.LOCALHOST}:{running['kafka']}",
        postgres=postgres_endpoint(settings, names=names),
        mlflow=settings.mlflow.tracking_uri or f"http://{ports.LOCALHOST}:{running['mlflow']}",
        embedded=frozenset(running),
    )


def postgres_endpoint(settings: Settings, *, names: Names) -> PostgresEndpoint:
    """Where the database answers, whatever the others do. Raises `ServiceError` when it is not running."""
    if "postgres" in external_services(settings):
        return external_postgres(settings.postgres)
    port = _running_port("postgres", StateFile(names=names).read(), names)
    return EmbeddedPostgres(settings=settings.postgres, names=names).endpoint(port)


def broker_of(settings: Settings, names: Names) -> str | None:
    """Kafka's bootstrap list, or none when the services do not run."""
    try:
        return endpoints(settings, names=names).kafka
    except ServiceError:
        return settings.kafka.bootstrap


def status(settings: Settings, *, names: Names) -> list[ServiceStatus]:
    """One row per service."""
    outside = external_services(settings)
    records = StateFile(names=names).read()
    return [
        _external_status(name, settings) if name in outside else _embedded_status(name, records, names)
        for name in _EMBEDDED
    ]


_EMBEDDED: dict[str, Callable[[Settings, Names], Service]] = {
    "kafka": lambda settings, names: EmbeddedKafka(settings=settings.kafka, names=names),
    "postgres": lambda settings, names: EmbeddedPostgres(settings=settings.postgres, names=names),
    "mlflow": lambda settings, names: EmbeddedMlflow(settings=settings.mlflow, names=names),
}


def _lock(names: Names) -> Path:
    return names.services / "lock"


def _up(settings: Settings, names: Names, progress: Progress) -> list[str]:
    """Bring everything up; the names of what this call started."""
    require_external(settings)
    outside = external_services(settings)
    with held(_lock(names), limit_seconds=_LOCK_SECONDS):
        state = StateFile(names=names)
        before = state.read()
        bring_up = BringUp(state=state, progress=progress)
        services = [make(settings, names) for name, make in _EMBEDDED.items() if name not in outside]
        try:
            _all(bring_up, services, names)
        except BaseException:
            with _signals_ignored():
                _stop(_news(before, state.read()), settings, names, progress)
            raise
        return _news(before, state.read())


def _all(bring_up: BringUp, services: list[Service], names: Names) -> None:
    """Every service and the Spark jars, in parallel; the first failure cancels the others and is raised."""
    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="up") as pool:
        tasks: list[Future[object]] = [pool.submit(bring_up.ensure, service) for service in services]
        tasks.append(pool.submit(ensure_jars, "spark", names=names, progress=bring_up.tell))
        try:
            done, _ = wait(tasks, return_when=FIRST_EXCEPTION)
            failed = [task for task in done if task.exception()]
        finally:
            bring_up.cancelled.set()
    for task in failed:
        task.result()


def _news(before: dict[str, ServiceRecord], after: dict[str, ServiceRecord]) -> list[str]:
    return [
        name for name, record in after.items() if name not in before or before[name].process != record.process
    ]


def _stop(selected: list[str], settings: Settings, names: Names, progress: Progress) -> list[str]:
    """Stop these services in parallel and forget them; the names of those that ran."""
    state = StateFile(names=names)
    records = state.read()

    def stop_one(name: str) -> bool:
        known = records.get(name)
        if known is not None and processes.find(known.process):
            progress(name, "stopping")
        ran = stop_all(_EMBEDDED[name](settings, names), known)
        state.remove(name)
        if ran:
            progress(name, "stopped")
        return ran

    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="down") as pool:
        ran = list(pool.map(stop_one, selected))
    return [name for name, was_running in zip(selected, ran, strict=True) if was_running]


def _running_port(name: str, records: dict[str, ServiceRecord], names: Names) -> int:
    record = records.get(name)
    if record is None or not record.ready:
        raise ServiceError(f"{name} is not running: start it with `clicklake up`.")
    if processes.find(record.process) is None:
        raise ServiceError(
            f"{name} is not running, its process {record.process.pid} has ended "
            f"(see {names.logs / name}.log): start it with `clicklake up`."
        )
    return record.port


def _external_status(name: str, settings: Settings) -> ServiceStatus:
    shown = {
        "kafka": settings.kafka.bootstrap,
        "postgres": f"{settings.postgres.host}:{settings.postgres.port}/{settings.postgres.database}",
        "mlflow": settings.mlflow.tracking_uri,
    }
    return ServiceStatus(name=name, state="external", endpoint=shown[name], pid=None, since=None, log=None)


def _embedded_status(name: str, records: dict[str, ServiceRecord], names: Names) -> ServiceStatus:
    record = records.get(name)
    log = names.logs / f"{name}.log"
    if record is None or processes.find(record.process) is None:
        return ServiceStatus(name=name, state="stopped", endpoint=None, pid=None, since=None, log=log)
    return ServiceStatus(
        name=name,
        state="running" if record.ready else "starting",
        endpoint=f"{ports.LOCALHOST}:{record.port}",
        pid=record.process.pid,
        since=processes.since(record.process),
        log=log,
    )


@contextmanager
def _termination_raised() -> Iterator[None]:
    """SIGTERM becomes `SystemExit(143)`, so that `finally` runs; only the main thread can arrange it."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with _handled({signal.SIGTERM: leave}):
        yield


@contextmanager
def _signals_ignored() -> Iterator[None]:
    """Stopping is short and must not be broken off by a second Ctrl-C."""
    with _handled({signal.SIGINT: signal.SIG_IGN, signal.SIGTERM: signal.SIG_IGN}):
        yield


_Handler = Callable[[int, FrameType | None], None] | signal.Handlers


@contextmanager
def _handled(handlers: dict[signal.Signals, _Handler]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
