"""Records into a JSON-lines file, in place of Kafka: to look at, to keep, to feed other tools."""

from base64 import b64encode
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from pipelines.contracts.delivery import Headers
from pipelines.errors import ServiceError, SettingsError

_encoder = msgspec.json.Encoder()


def json_line(row: object) -> bytes:
    """The row as one line of JSON."""
    return _encoder.encode(row) + b"\n"


class LineFile:
    """A file of JSON lines, written anew. Raises `SettingsError` when it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("wb")
        except OSError as error:
            raise SettingsError(f"{path}: cannot be written ({error.strerror}).") from None

    def write(self, row: object) -> None:
        """Append the row. Raises `ServiceError` when the disk refuses."""
        try:
            self._file.write(json_line(row))
        except OSError as error:
            raise ServiceError(f"{self._path}: cannot be written any more ({error.strerror}).") from None

    def flush(self) -> None:
        """Hand everything to the operating system. Raises `ServiceError`."""
        try:
            self._file.flush()
        except OSError as error:
            raise ServiceError(f"{self._path}: cannot be written any more ({error.strerror}).") from None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RecordFile(LineFile):
    """A sink of records: one object a line with `topic`, `key`, `value` and, if any, `headers`.

    Bytes that are not UTF-8 are given in base64, the name then ends in `_base64`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.acked: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    def send(self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        """Append the record."""
        row: dict[str, Any] = {"topic": topic, **_shown("key", key), **_shown("value", value)}
        if headers:
            row["headers"] = {name: _shown("value", content) for name, content in headers}
        self.write(row)
        self.acked[topic] += 1


def _shown(name: str, content: bytes | None) -> dict[str, str | None]:
    if content is None:
        return {name: None}
    try:
        return {name: content.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": b64encode(content).decode()}
