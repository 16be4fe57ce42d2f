"""`run/streams.json`: which driver runs the lake's queries on this machine, so that others can tell."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psutil

from pipelines.connectors.names import Names


class StreamsFile:
    """Written by the driver once its queries run, and taken away when they have ended."""

    def __init__(self, names: Names) -> None:
        self._path = names.var_dir / "run" / "streams.json"

    @contextmanager
    def held_by(self, queries: Sequence[str]) -> Iterator[None]:
        """Say that this process runs the queries, as long as the block lasts."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps({"pid": os.getpid(), "queries": list(queries)}))
        try:
            yield
        finally:
            self.forget()

    def running(self) -> int | None:
        """The driver's process id, or none when no driver runs."""
        try:
            pid = int(json.loads(self._path.read_text())["pid"])
        except (FileNotFoundError, ValueError):
            return None
        return pid if psutil.pid_exists(pid) else None

    def forget(self) -> None:
        """Take the file away; harmless when it is not there."""
        self._path.unlink(missing_ok=True)
