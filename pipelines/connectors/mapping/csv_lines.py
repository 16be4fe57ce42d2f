"""A CSV file's header, and a careful copy of a file whose quotes do not balance.

A quote that is opened and never closed makes any CSV reader swallow what follows, silently. The
careful copy keeps each record that is whole, and drops (and counts) only the lines that are not.
"""

import csv
import io
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pipelines.connectors.mapping.formats import Source
from pipelines.errors import MappingError

_DELIMITERS = (",", ";", "\t", "|")
_MAX_RECORD_LINES = 50
_EXAMPLES = 3
_SHOWN = 160


@dataclass(frozen=True)
class Header:
    """Names of the columns, the delimiter, and how many blank lines stand before."""

    names: tuple[str, ...]
    delimiter: str
    blank_lines: int


@dataclass(frozen=True)
class _Shape:
    """What a record looks like: its delimiter, and how many cells it has."""

    delimiter: str
    least_cells: int
    most_cells: int


@dataclass(frozen=True)
class CopyReport:
    """What a careful copy left out: lines, and the first few of them."""

    dropped: int
    examples: tuple[str, ...]


def read_header(source: Source) -> Header:
    """The header. Raises `MappingError` when it is not UTF-8, or names a column twice."""
    blank = 0
    with source.open() as stream:
        for raw in stream:
            if raw.strip():
                break
            blank += 1
    try:
        line = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise MappingError(f"{source.path}: its first line is not UTF-8 text.") from None
    delimiter = max(_DELIMITERS, key=lambda mark: len(_split(line, mark)))
    names = tuple(name.strip() or f"column{n}" for n, name in enumerate(_split(line, delimiter), start=1))
    lowered = [name.lower() for name in names]
    twice = next((name for name in names if lowered.count(name.lower()) > 1), None)
    if twice:
        raise MappingError(f"{source.path}: its header names the column `{twice}` twice.")
    return Header(names, delimiter, blank)


def _split(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def copy_whole_records(
    source: Source, header: Header, target: Path, *, least_cells: int, limit: int | None
) -> CopyReport:
    """Copy the header and the first `limit` whole records, with plain line ends, to `target`."""
    shape = _Shape(header.delimiter, least_cells, len(header.names))
    dropped: list[bytes] = []
    count = 0
    with source.open() as stream, target.open("wb") as out:
        lines = (line for line in stream if not line.isspace())
        out.write(_plain(next(lines)))
        for whole, record in _until(_records(lines, shape), limit):
            if whole:
                out.write(_plain(record))
            else:
                count += 1
                dropped += [record] if count <= _EXAMPLES else []
    return CopyReport(count, tuple(shown(line) for line in dropped))


def _until(records: Iterator[tuple[bool, bytes]], limit: int | None) -> Iterator[tuple[bool, bytes]]:
    """The records up to the `limit`-th whole one."""
    taken = 0
    while limit is None or taken < limit:
        item = next(records, None)
        if item is None:
            return
        taken += item[0]
        yield item


def _records(lines: Iterator[bytes], shape: _Shape) -> Iterator[tuple[bool, bytes]]:
    """Each record with True, or a line that belongs to none with False."""
    pending: deque[bytes] = deque()
    while True:
        line = pending.popleft() if pending else next(lines, None)
        if line is None:
            return
        if line.count(b'"') % 2 == 0 or _is_record(line, shape):
            yield True, line
            continue
        pending.extend(islice(lines, max(_MAX_RECORD_LINES - len(pending), 0)))
        length = _record_length(line, pending, shape)
        if length:
            yield True, line + b"".join(pending.popleft() for _ in range(length))
        else:
            yield False, line


def _record_length(line: bytes, following: deque[bytes], shape: _Shape) -> int:
    """How many following lines make `line` a whole record; 0 when none do."""
    joined = line
    for count, more in enumerate(following, start=1):
        joined += more
        if joined.count(b'"') % 2 == 0 and _is_record(joined, shape):
            return count
    return 0


def _is_record(text: bytes, shape: _Shape) -> bool:
    reader = csv.reader(
        io.StringIO(text.decode("utf-8", "replace"), newline=""), delimiter=shape.delimiter, strict=True
    )
    try:
        rows = [row for row in reader if row]
    except csv.Error:
        return False
    return len(rows) == 1 and shape.least_cells <= len(rows[0]) <= shape.most_cells


def _plain(line: bytes) -> bytes:
    return line.rstrip(b"\r\n") + b"\n"


def shown(line: bytes | str) -> str:
    """A line as it is shown to a person."""
    text = line if isinstance(line, str) else line.decode("utf-8", "backslashreplace")
    text = text.strip("\r\n")
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
