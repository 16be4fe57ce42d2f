"""Where the default configuration lies: the checkout's `conf/`, or the copy inside the wheel."""

import os
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path


def conf_dir(environ: Mapping[str, str] | None = None) -> Path:
    """The folder of default configuration: `CLICKLAKE_CONF_DIR`, or the packages' own.

    From a zipped wheel (`spark-submit --py-files`) it is unpacked once a process, into a private
    temporary folder that vanishes with the process.
    """
    env = os.environ if environ is None else environ
    if "CLICKLAKE_CONF_DIR" in env:
        return Path(env["CLICKLAKE_CONF_DIR"])
    packages = resources.files("pipelines")
    if not isinstance(packages, Path):
        return Path(_unpacked().name)
    packaged = packages / "conf"
    return packaged if packaged.is_dir() else packages.parent / "conf"


@cache
def _unpacked() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="clicklake-conf-")
    _copy(resources.files("pipelines") / "conf", Path(folder.name))
    return folder


def _copy(source: Traversable, target: Path) -> None:
    for entry in source.iterdir():
        if entry.is_dir():
            (target / entry.name).mkdir()
            _copy(entry, target / entry.name)
        else:
            (target / entry.name).write_bytes(entry.read_bytes())
