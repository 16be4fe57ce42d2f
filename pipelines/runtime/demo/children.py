"""Child processes of a demo: started with a log, watched, ended by their id."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pipelines.errors import ServiceError
from pipelines.runtime.embedded.processes import tail

PROGRAM = (sys.executable, "-m", "jobs.cli")
"""The command line of `clicklake`."""


class Child:
    """One `clicklake` command in a session of its own, so that Ctrl-C reaches only its parent.

    `files` are descriptors that it inherits.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        logs: Path,
        program: Sequence[str] = PROGRAM,
        files: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.output = logs / f"{name}.out"
        self.log = logs / f"{name}.log"
        logs.mkdir(parents=True, exist_ok=True)
        with self.output.open("wb") as output, self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*program, *arguments],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                start_new_session=True,
                pass_fds=tuple(files),
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Its exit code, once it has ended."""
        return self._process.poll()

    def require_running(self) -> None:
        """Raise `ServiceError` with the end of its log when it has ended."""
        if not self.running:
            raise ServiceError(
                f"{self.name} ended with exit code {self.exit_code}; {self.log} ends:\n{tail(self.log)}"
            )

    def require_success(self, *, within_seconds: float) -> None:
        """Wait for its end. Raises `ServiceError` with the end of its log when that is none or not well."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(within_seconds)
        if self.exit_code != 0:
            how = (
                f"did not end within {within_seconds:.0f} s"
                if self.running
                else f"ended with exit code {self.exit_code}"
            )
            raise ServiceError(f"{self.name} {how}; {self.log} ends:\n{tail(self.log)}")

    def ask_to_stop(self) -> None:
        """Send SIGTERM; harmless when it has ended."""
        if self.running:
            self._process.terminate()

    def stop(self, *, grace_seconds: float) -> None:
        """SIGTERM, wait, then SIGKILL to what is left of it and its children."""
        self.ask_to_stop()
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(grace_seconds)

    def last_line(self) -> str:
        """The last line it wrote to its standard output, or an empty text."""
        lines = self.output.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""
