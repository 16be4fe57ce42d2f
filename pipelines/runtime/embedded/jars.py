"""Jars without Maven: the Ivy inside pyspark retrieves a listed set into the cache, once.

A set is `conf/jars/<set>.ivy.xml` (what to fetch) and `conf/jars/<set>.sha256` (what must arrive).
It is fetched and checked beside its folder, which then appears by one rename: a folder that is
there is complete. Its marker holds the hash of both files, so a changed list is fetched anew.
"""

import hashlib
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import structlog

from pipelines.connectors.names import Names
from pipelines.errors import PrerequisiteError
from pipelines.runtime.embedded.java import java_executable
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.embedded.progress import Progress, silent
from pipelines.settings import conf_dir

_MARKER = "COMPLETE"
_ATTEMPTS = 3
_PROBLEM_SIGNS = ("not found", "[FAILED", "Exception", "UNRESOLVED", "rror")
_PATTERN = "[artifact]-[revision].[ext]"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class JarSet:
    """A listed set of jars and the folder of the cache that it belongs in."""

    name: str
    ivy_file: Path
    checksums_file: Path
    folder: Path

    @classmethod
    def of(cls, name: str, *, names: Names) -> "JarSet":
        """The set `spark` or `kafka`."""
        listed = conf_dir() / "jars"
        return cls(name, listed / f"{name}.ivy.xml", listed / f"{name}.sha256", names.jars / name)

    def checksums(self) -> dict[str, str]:
        """File name to expected sha256."""
        return listed_jars(self.name)

    def fingerprint(self) -> str:
        """Hash of the list and of its checksums."""
        return hashlib.sha256(self.ivy_file.read_bytes() + self.checksums_file.read_bytes()).hexdigest()

    def is_cached(self) -> bool:
        """Whether the folder holds exactly this list, complete."""
        marker = self.folder / _MARKER
        if not marker.is_file() or marker.read_text().strip() != self.fingerprint():
            return False
        return all((self.folder / name).is_file() for name in self.checksums())

    def paths(self) -> list[Path]:
        """The jars of the set in the cache, sorted."""
        return sorted(self.folder / name for name in self.checksums())


def listed_jars(name: str) -> dict[str, str]:
    """File name to expected sha256 of the jars in the set `spark` or `kafka`."""
    lines = (conf_dir() / "jars" / f"{name}.sha256").read_text().splitlines()
    return {jar: digest for digest, jar in (line.split() for line in lines if line.strip())}


def ensure_jars(name: str, *, names: Names, progress: Progress = silent) -> list[Path]:
    """The paths of the set's jars, fetched when they are not cached.

    Raises `PrerequisiteError` when they cannot be fetched or are not the ones expected.
    """
    wanted = JarSet.of(name, names=names)
    if wanted.is_cached():
        return wanted.paths()
    with held(names.jars / f"{name}.lock", limit_seconds=1200):
        if not wanted.is_cached():
            _fetch(wanted, progress)
    progress(f"{name} jars", "ready")
    return wanted.paths()


def _fetch(wanted: JarSet, progress: Progress) -> None:
    cache = wanted.folder.with_name(f"{wanted.name}.download")
    problem = ""
    for attempt in range(1, _ATTEMPTS + 1):
        arrived = wanted.folder.with_name(f"{wanted.name}.partial")
        shutil.rmtree(arrived, ignore_errors=True)
        problem = _retrieve(wanted, cache=cache, into=arrived, progress=progress)
        problem = problem or _check(wanted.checksums(), arrived, cache)
        if not problem:
            _publish(wanted, arrived)
            shutil.rmtree(cache, ignore_errors=True)
            return
        _log.warning("jars_attempt_failed", set=wanted.name, attempt=attempt, problem=problem)
        time.sleep(attempt)
    raise PrerequisiteError(
        f"The {wanted.name} jars listed in conf/jars/{wanted.ivy_file.name} cannot be fetched: {problem}; "
        "check the network, or give the resolver in conf/jars/ivysettings.xml a mirror as root."
    )


def _retrieve(wanted: JarSet, *, cache: Path, into: Path, progress: Progress) -> str:
    """Run Ivy; the problem it met in one line, or nothing."""
    total, done = len(wanted.checksums()), 0
    progress(f"{wanted.name} jars", f"downloading, 0 of {total}")
    last = ""
    with subprocess.Popen(
        _ivy_command(wanted, cache=cache, into=into),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as ivy:
        try:
            for line in ivy.stdout or ():
                if "[SUCCESSFUL ]" in line:
                    done += 1
                    progress(f"{wanted.name} jars", f"downloading, {done} of {total}")
                elif any(sign in line for sign in _PROBLEM_SIGNS):
                    last = last or " ".join(line.split()).strip(": ")
        except BaseException:
            ivy.kill()
            raise
    return "" if ivy.returncode == 0 else (last or f"Ivy ended with code {ivy.returncode}")


def _ivy_command(wanted: JarSet, *, cache: Path, into: Path) -> list[str]:
    options = {
        "-settings": wanted.ivy_file.with_name("ivysettings.xml"),
        "-ivy": wanted.ivy_file,
        "-cache": cache,
        "-retrieve": f"{into}/{_PATTERN}",
        "-confs": "default",
    }
    arguments = [str(part) for option in options.items() for part in option]
    home = f"-Divy.default.ivy.user.dir={cache}"
    return [
        str(java_executable()),
        "-Xmx128m",
        home,
        "-cp",
        str(ivy_jar()),
        "org.apache.ivy.Main",
        *arguments,
    ]


def pyspark_jars() -> Path:
    """The folder of jars inside the installed pyspark. Raises `PrerequisiteError` without one."""
    spec = find_spec("pyspark")
    if spec is None or not spec.submodule_search_locations:
        raise PrerequisiteError("pyspark is not installed: install the project's requirements.lock.")
    return Path(spec.submodule_search_locations[0]) / "jars"


def ivy_jar() -> Path:
    """The Ivy that pyspark brings."""
    found = sorted(pyspark_jars().glob("ivy-*.jar"))
    if not found:
        raise PrerequisiteError(f"{pyspark_jars()} holds no ivy jar: install pyspark anew.")
    return found[-1]


def _check(expected: Mapping[str, str], folder: Path, cache: Path) -> str:
    """What is wrong with the jars in `folder`, or nothing. A wrong one also leaves the download cache."""
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file():
            return f"{name} did not arrive"
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            for copy in cache.rglob(name):
                copy.unlink()
            return f"{name} has another sha256 than the one in conf/jars"
    return ""


def _publish(wanted: JarSet, arrived: Path) -> None:
    (arrived / _MARKER).write_text(wanted.fingerprint())
    shutil.rmtree(wanted.folder, ignore_errors=True)
    arrived.rename(wanted.folder)
