"""Locks between processes: one file each, freed by the system when its holder ends, however it ends."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import ServiceError

_POLL_SECONDS = 0.1


@contextmanager
def held(path: Path, *, limit_seconds: float) -> Iterator[None]:
    """Hold the lock file `path`. Raises `ServiceError` when another process keeps it past the limit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        deadline = time.monotonic() + limit_seconds
        while not _try(stream.fileno()):
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"Another clicklake process holds {path} since more than {limit_seconds:.0f} s: "
                    "wait for it, or end it."
                )
            time.sleep(_POLL_SECONDS)
        yield


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
