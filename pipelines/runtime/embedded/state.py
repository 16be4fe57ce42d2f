"""What is known of the embedded services: one small file, replaced whole, without passwords."""

import os
import threading
from pathlib import Path

import msgspec

from pipelines.connectors.names import Names
from pipelines.errors import ServiceError
from pipelines.runtime.embedded.processes import ProcessRecord


class ServiceRecord(msgspec.Struct, frozen=True):
    """A started service: its process, the port it answers on, and whether it has answered."""

    process: ProcessRecord
    port: int
    ready: bool


class StateFile:
    """`services/state.json`. Writers hold the stack's lock; threads of one writer may share an object."""

    def __init__(self, *, names: Names) -> None:
        self._path = names.services / "state.json"
        self._guard = threading.Lock()

    @property
    def path(self) -> Path:
        """The file itself."""
        return self._path

    def read(self) -> dict[str, ServiceRecord]:
        """Service name to record; empty when nothing was ever started. Raises `ServiceError` if damaged."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, ServiceRecord])
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (msgspec.DecodeError, OSError) as error:
            raise ServiceError(
                f"{self._path} cannot be read ({error}): delete it and run `clicklake up`."
            ) from None

    def put(self, name: str, record: ServiceRecord) -> None:
        """Write down one service."""
        with self._guard:
            self._write({**self.read(), name: record})

    def remove(self, name: str) -> None:
        """Forget one service."""
        with self._guard:
            self._write({key: record for key, record in self.read().items() if key != name})

    def _write(self, records: dict[str, ServiceRecord]) -> None:
        write_private(self._path, msgspec.json.format(msgspec.json.encode(records)))


def write_private(path: Path, content: bytes) -> None:
    """Replace a file whole, readable by its owner only: a reader sees the old content or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)
