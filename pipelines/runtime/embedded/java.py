"""The Java of this machine, the one prerequisite beside Python."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pipelines.errors import PrerequisiteError

OLDEST_JAVA = 17
MEND_JAVA = (
    f"install Java {OLDEST_JAVA} or 21 (on Debian and Ubuntu: apt-get install openjdk-17-jre-headless), "
    "or point JAVA_HOME at one"
)
_VERSION = re.compile(r'version "(\d+)(?:\.(\d+))?')


def java_executable(environ: Mapping[str, str] | None = None) -> Path:
    """`$JAVA_HOME/bin/java`, else `java` on the PATH. Raises `PrerequisiteError` when there is none."""
    env = os.environ if environ is None else environ
    home = env.get("JAVA_HOME")
    if home:
        candidate = Path(home) / "bin" / "java"
        if not os.access(candidate, os.X_OK):
            raise PrerequisiteError(f"JAVA_HOME is {home}, but it holds no bin/java: {MEND_JAVA}.")
        return candidate
    found = shutil.which("java", path=env.get("PATH"))
    if found is None:
        raise PrerequisiteError(f"There is no Java on the PATH: {MEND_JAVA}.")
    return Path(found)


def java_version(executable: Path) -> int:
    """The feature release, such as 17. Raises `PrerequisiteError` when it cannot be run or read."""
    try:
        answer = subprocess.run(
            [executable, "-version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise PrerequisiteError(f"{executable} -version fails ({error}): {MEND_JAVA}.") from None
    return parse_java_version(answer.stderr + answer.stdout)


def parse_java_version(text: str) -> int:
    """The feature release in the output of `java -version`; 8 for the old style `1.8.0_392`."""
    match = _VERSION.search(text)
    if match is None:
        raise PrerequisiteError(f"The output of java -version holds no version: {MEND_JAVA}.")
    first, second = match.groups()
    return int(second) if first == "1" and second else int(first)
