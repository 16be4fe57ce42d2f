"""Parquet files of a Delta table and what its log says of them, written from Arrow rows."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.contracts.tables import TableSpec

_LONGEST_BOUND = 64
_MILLI = timedelta(milliseconds=1)


class AddedFile(NamedTuple):
    """A file to be added: its path below the table's folder, and what a reader may know beforehand."""

    path: str
    partition_values: dict[str, str]
    size: int
    statistics: dict[str, Any]


def write_files(rows: pa.Table, spec: TableSpec, folder: str) -> list[AddedFile]:
    """Write the rows, one file for each of the spec's partitions that they have."""
    return [_write(part, values, spec, folder) for values, part in _by_partition(rows, spec)]


def _by_partition(rows: pa.Table, spec: TableSpec) -> Iterator[tuple[dict[str, str], pa.Table]]:
    """The rows of each partition, without the columns that name it."""
    names = list(spec.partitions)
    if not names:
        yield {}, rows
        return
    # A stream over the table may end a batch between two of its files: earlier days come first.
    distinct = rows.select(names).group_by(names).aggregate([]).sort_by([(one, "ascending") for one in names])
    for values in distinct.to_pylist():
        mask = None
        for name in names:
            here = pc.equal(rows[name], pa.scalar(values[name], rows.schema.field(name).type))
            mask = here if mask is None else pc.and_(mask, here)
        part = rows if distinct.num_rows == 1 else rows.filter(mask)
        yield {name: str(values[name]) for name in names}, part.drop_columns(names)


def _write(part: pa.Table, values: dict[str, str], spec: TableSpec, folder: str) -> AddedFile:
    directory = "/".join(f"{name}={quote(value, safe='')}" for name, value in values.items())
    name = f"part-{uuid.uuid4()}.zstd.parquet"
    relative = f"{directory}/{name}" if directory else name
    path = Path(folder) / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(part, path, compression="zstd")
    return AddedFile(relative, values, path.stat().st_size, _statistics(part, spec))


def _statistics(part: pa.Table, spec: TableSpec) -> dict[str, Any]:
    """Rows, and the bounds of the columns by which a reader may pass over the file."""
    lowest: dict[str, Any] = {}
    highest: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    for name in spec.skipping:
        bounds = pc.min_max(part[name]).as_py()
        nulls[name] = part[name].null_count
        if bounds["min"] is not None and not _is_long(bounds):
            moment = pa.types.is_timestamp(part[name].type)
            lowest[name] = _millis(bounds["min"], up=False) if moment else bounds["min"]
            highest[name] = _millis(bounds["max"], up=True) if moment else bounds["max"]
    return {"numRecords": part.num_rows, "minValues": lowest, "maxValues": highest, "nullCount": nulls}


def _is_long(bounds: dict[str, Any]) -> bool:
    return any(isinstance(value, str) and len(value) > _LONGEST_BOUND for value in bounds.values())


def _millis(moment: datetime, *, up: bool) -> str:
    """The moment as Delta's log holds it, in whole milliseconds; rounded so that it stays a bound."""
    spare = moment.microsecond % 1000
    rounded = moment.replace(microsecond=moment.microsecond - spare)
    if up and spare:
        rounded = rounded + _MILLI
    return f"{rounded:%Y-%m-%dT%H:%M:%S}.{rounded.microsecond // 1000:03d}Z"
