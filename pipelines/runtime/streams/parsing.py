"""A batch of bronze, parsed: on one machine through files, on a cluster through Spark's cache."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

import pyarrow as pa
from pyspark.sql import DataFrame

from pipelines.connectors.delta_writer import Rows
from pipelines.contracts.lake import DEAD_LETTERS
from pipelines.contracts.tables import TableSpec
from pipelines.runtime.streams.spill import ENVELOPE_FILE, Spilled, spilled
from pipelines.silver.arrow_parser import ENVELOPE, parse_batch
from pipelines.silver.deduplication import Verdict
from pipelines.silver.parse import drop_positions, keep_table, parse_records
from pipelines.silver.reading import RecordReader
from pipelines.silver.settling import drop_rows, positions_table


class Parsed(Protocol):
    """The parsed records of one batch."""

    def envelope(self) -> pa.Table:
        """The envelopes of all rows, brought to the driver."""
        ...

    def rows(self, spec: TableSpec, verdict: Verdict) -> Rows:
        """The rows of a table, without those that the verdict sets aside."""
        ...


@contextmanager
def parsed_nearby(records: DataFrame, reader: RecordReader, folder: Path) -> Iterator[Parsed]:
    """Parsed by workers of this machine. Rows are Arrow tables."""
    with spilled(records, partial(_split, reader=reader), folder=folder) as files:
        yield _Nearby(files)


@contextmanager
def parsed_in_spark(records: DataFrame, reader: RecordReader) -> Iterator[Parsed]:
    """Parsed by workers wherever they are. Rows are DataFrames over Spark's cache."""
    frame = parse_records(records, reader=reader).persist()
    try:
        yield _InSpark(frame)
    finally:
        frame.unpersist()


def _split(batch: pa.RecordBatch, *, reader: RecordReader) -> Iterator[tuple[str, pa.RecordBatch]]:
    for table, envelope, rows in parse_batch(batch, reader):
        yield ENVELOPE_FILE, envelope
        yield table, rows


class _Nearby:
    def __init__(self, files: Spilled) -> None:
        self._files = files

    def envelope(self) -> pa.Table:
        found = self._files.read(ENVELOPE_FILE)
        return pa.table({}) if found is None else found

    def rows(self, spec: TableSpec, verdict: Verdict) -> Rows:
        return drop_rows(self._files.read(spec.name), verdict.set_aside)


class _InSpark:
    def __init__(self, frame: DataFrame) -> None:
        self._frame = frame

    def envelope(self) -> pa.Table:
        return self._frame.select(*ENVELOPE).toArrow()

    def rows(self, spec: TableSpec, verdict: Verdict) -> Rows:
        rows = keep_table(self._frame, spec)
        if not verdict.set_aside or spec == DEAD_LETTERS:
            return rows
        wanted = rows.sparkSession.createDataFrame(positions_table(verdict.set_aside))
        return drop_positions(rows, wanted)
