"""What this machine lacks, each thing in one sentence and with its cure."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from pipelines.connectors.names import Names
from pipelines.errors import ClicklakeError, PrerequisiteError, ServiceError
from pipelines.runtime.embedded import ports, processes
from pipelines.runtime.embedded.account import unprivileged_account
from pipelines.runtime.embedded.external import external_services, problem_of
from pipelines.runtime.embedded.jars import JarSet, listed_jars
from pipelines.runtime.embedded.java import MEND_JAVA, OLDEST_JAVA, java_executable, java_version
from pipelines.runtime.embedded.state import StateFile
from pipelines.settings import Settings

_GB = 1024**3
_DISK_WANTED, _DISK_NEEDED = 5 * _GB, 1 * _GB
_MEMORY_WANTED = 4 * _GB
_OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Finding:
    """One check. `mend` says what to do when it is not `ok`; without the essential ones nothing starts."""

    check: str
    ok: bool
    sentence: str
    mend: str = ""
    essential: bool = True


def diagnose(settings: Settings, *, names: Names) -> list[Finding]:
    """All checks, in the order in which to mend them. Starts and changes nothing."""
    return [
        _python(),
        _java(),
        _versions(),
        _account(),
        _writable(names.var_dir),
        _disk(names.var_dir),
        _memory(),
        *(_jars(name, names) for name in ("spark", "kafka")),
        *_ports(settings, names),
        *_external(settings),
    ]


def require(settings: Settings, *, names: Names) -> None:
    """Raise `PrerequisiteError` with the first essential thing that is missing."""
    for finding in diagnose(settings, names=names):
        if finding.essential and not finding.ok:
            raise PrerequisiteError(f"{finding.sentence} {finding.mend}".strip())


def _python() -> Finding:
    found = ".".join(str(part) for part in sys.version_info[:3])
    return Finding(
        "python",
        sys.version_info >= _OLDEST_PYTHON,
        f"Python {found} runs clicklake, which needs 3.11 or later.",
        "Make its virtual environment with a later Python.",
    )


def _java() -> Finding:
    try:
        executable = java_executable()
        found = java_version(executable)
    except PrerequisiteError as error:
        return Finding("java", ok=False, sentence=str(error))
    sentence = f"Java {found} ({executable}) is there; {OLDEST_JAVA} or later is needed."
    return Finding("java", found >= OLDEST_JAVA, sentence, f"{MEND_JAVA[:1].upper()}{MEND_JAVA[1:]}.")


def _versions() -> Finding:
    """Delta is compiled against one exact Spark, so packages and listed jars must agree."""
    jars = listed_jars("spark")
    try:
        spark, delta = version("pyspark"), version("delta-spark")
    except PackageNotFoundError as error:
        return Finding("versions", ok=False, sentence=f"{error.name} is not installed.", mend=_MEND_LOCK)
    wanted = {
        f"delta-spark_{spark.rpartition('.')[0]}_2.13-{delta}.jar",
        f"spark-sql-kafka-0-10_2.13-{spark}.jar",
    }
    missing = sorted(wanted - jars.keys())
    if missing:
        sentence = (
            f"pyspark {spark} and delta-spark {delta} need {missing[0]}, which conf/jars does not list."
        )
        return Finding("versions", ok=False, sentence=sentence, mend=_MEND_LOCK)
    return Finding(
        "versions", ok=True, sentence=f"pyspark {spark} and delta-spark {delta} fit the listed jars."
    )


_MEND_LOCK = "Install the project's requirements.lock anew."


def _account() -> Finding:
    try:
        account = unprivileged_account()
    except PrerequisiteError as error:
        return Finding("account", ok=False, sentence=str(error))
    runs_as = "oneself" if account is None else f"user id {account.uid}, as PostgreSQL refuses to run as root"
    return Finding("account", ok=True, sentence=f"PostgreSQL runs as {runs_as}.")


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _writable(var_dir: Path) -> Finding:
    place = _existing(var_dir)
    sentence = f"{var_dir} (var_dir) can be written to."
    try:
        with tempfile.TemporaryFile(dir=place):
            return Finding("var_dir", ok=True, sentence=sentence)
    except OSError as error:
        return Finding(
            "var_dir",
            ok=False,
            sentence=f"{var_dir} (var_dir) cannot be written to: {place}: {os.strerror(error.errno or 0)}.",
            mend="Choose another folder with --set var_dir=FOLDER, or let this user write there.",
        )


def _disk(var_dir: Path) -> Finding:
    free = shutil.disk_usage(_existing(var_dir)).free
    return Finding(
        "disk",
        free >= _DISK_WANTED,
        f"{free / _GB:.1f} GB are free at {var_dir}; a run should have {_DISK_WANTED // _GB} GB.",
        "Free some space, or choose another disk with --set var_dir=FOLDER.",
        essential=free < _DISK_NEEDED,
    )


def _memory() -> Finding:
    available = psutil.virtual_memory().available
    return Finding(
        "memory",
        available >= _MEMORY_WANTED,
        f"{available / _GB:.1f} GB of memory are available; a run should have {_MEMORY_WANTED // _GB} GB.",
        "End other programs, or lower spark.driver_memory and kafka.heap_mb.",
        essential=False,
    )


def _jars(name: str, names: Names) -> Finding:
    cached = JarSet.of(name, names=names).is_cached()
    state = f"lie in {names.jars / name}" if cached else "will be downloaded at the next `clicklake up`"
    return Finding(f"{name} jars", ok=True, sentence=f"The {len(listed_jars(name))} {name} jars {state}.")


def _ports(settings: Settings, names: Names) -> Iterator[Finding]:
    usual = {"kafka": settings.kafka.port, "postgres": settings.postgres.port, "mlflow": settings.mlflow.port}
    outside = external_services(settings)
    try:
        records = StateFile(names=names).read().values()
    except ServiceError as error:
        yield Finding("state", ok=False, sentence=str(error))
        return
    own = {record.port for record in records if processes.find(record.process)}
    for name, port in usual.items():
        if name not in outside:
            yield _port(name, port, own=port in own)


def _port(name: str, port: int, *, own: bool) -> Finding:
    if own or ports.is_free(port):
        state = f"held by clicklake's own {name}" if own else "free"
        return Finding(f"{name} port", ok=True, sentence=f"Port {port} is {state}.")
    return Finding(
        f"{name} port",
        ok=False,
        sentence=f"Port {port} ({name}.port) is held by {_holder(port)}, so {name} will take another one.",
        mend=f"Nothing needs to be done; to keep the usual port, end that program or set {name}.port.",
        essential=False,
    )


def _holder(port: int) -> str:
    """The program that listens on a port, as far as this user may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return "another program"
    return "another program"


def _external(settings: Settings) -> Iterator[Finding]:
    for name in sorted(external_services(settings)):
        problem = _problem(name, settings)
        yield Finding(f"external {name}", problem is None, problem or f"Your {name} can be reached.")


def _problem(name: str, settings: Settings) -> str | None:
    try:
        return problem_of(name, settings)
    except ClicklakeError as error:
        return str(error)
