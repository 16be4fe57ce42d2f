"""What kind of file it is, by its first bytes and not by its name; and reading its lines."""

import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import pyarrow as pa

from pipelines.errors import MappingError

Format = Literal["csv", "jsonl", "json", "parquet"]
Compression = Literal["none", "gzip", "zstd"]

_HEAD_BYTES = 64 * 1024
_UTF8_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Source:
    """An input file: where it lies, and what its bytes say it is."""

    path: Path
    format: Format
    compression: Compression

    def open(self) -> io.BufferedReader:
        """The decompressed bytes, without a byte order mark."""
        stream = _open(self.path, self.compression)
        if stream.peek(len(_UTF8_BOM)).startswith(_UTF8_BOM):
            stream.read(len(_UTF8_BOM))
        return stream

    def count_lines(self) -> int:
        """Lines that are not blank. Reads all of it, so that a damaged file is found now.

        Raises `MappingError` when it cannot be read or decompressed to its end.
        """
        try:
            with self.open() as stream:
                return sum(1 for line in stream if not line.isspace())
        except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
            raise MappingError(
                f"{self.path}: cannot be read to its end ({_reason(error)}); fetch the file again."
            ) from None


def recognise(path: Path) -> Source:
    """The file's format. Raises `MappingError` of one sentence for what is no data file."""
    if path.is_dir():
        raise MappingError(f"{path}: is a folder; name its files.")
    try:
        with path.open("rb") as raw:
            magic = raw.read(4)
        compression = _compression(magic)
        with _open(path, compression) as stream:
            head = _read_head(stream)
    except FileNotFoundError:
        raise MappingError(f"{path}: there is no such file.") from None
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise MappingError(f"{path}: cannot be read ({_reason(error)}).") from None
    return Source(path, _format(path, head), compression)


def _compression(magic: bytes) -> Compression:
    if magic[:2] == b"\x1f\x8b":
        return "gzip"
    return "zstd" if magic == b"\x28\xb5\x2f\xfd" else "none"


def _open(path: Path, compression: Compression) -> io.BufferedReader:
    if compression == "gzip":
        return io.BufferedReader(gzip.open(path, "rb"))
    if compression == "zstd":
        return io.BufferedReader(pa.input_stream(str(path), compression="zstd"))
    return io.BufferedReader(io.FileIO(path))


def _read_head(stream: BinaryIO) -> bytes:
    """The first bytes; a stream that ends early in damage gives what could be read."""
    head = b""
    try:
        while len(head) < _HEAD_BYTES and (more := stream.read(4096)):
            head += more
    except EOFError:
        if not head:
            raise
    return head


def _format(path: Path, head: bytes) -> Format:
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise MappingError(f"{path}: is UTF-16 text; convert it to UTF-8 first.")
    if b"\0" in head:
        raise MappingError(f"{path}: is a binary file, neither CSV, JSON lines nor Parquet.")
    text = head.removeprefix(_UTF8_BOM).lstrip()
    if not text:
        raise MappingError(f"{path}: is empty.")
    if text[:1] == b"{":
        return "jsonl"
    return "json" if text[:1] == b"[" else "csv"


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
