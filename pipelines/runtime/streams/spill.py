"""Rows go from Spark's workers to the driver through files, around the JVM: on one machine only.

A row that passes from a Python worker through the JVM to a Parquet file is converted three times.
Here the worker writes Arrow files into a folder of the batch, Spark carries their names, and the
driver maps them into memory, and writes the tables' files from there.
"""

import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame

ENVELOPE_FILE = "envelope"
_PART = pa.schema([pa.field("part", pa.string())])

Split = Callable[[pa.RecordBatch], Iterable[tuple[str, pa.RecordBatch]]]
"""What becomes of a batch of records: named batches, those of one name in one schema."""


class _Files:
    """The Arrow files of one task: `<part>-<name>.arrow`."""

    def __init__(self, folder: str) -> None:
        self.part = uuid.uuid4().hex
        self._folder = folder
        self._writers: dict[str, pa.ipc.RecordBatchFileWriter] = {}

    def write(self, name: str, batch: pa.RecordBatch) -> None:
        """Append the batch to the file of that name."""
        if name not in self._writers:
            path = f"{self._folder}/{self.part}-{name}.arrow"
            self._writers[name] = pa.ipc.new_file(path, batch.schema)
        self._writers[name].write_batch(batch)

    def close(self) -> None:
        """End the files: only then can they be read."""
        for writer in self._writers.values():
            writer.close()


class _Spill:
    """Callable for `mapInArrow`: writes what `split` gives, and yields the name of its part."""

    def __init__(self, split: Split, folder: Path) -> None:
        self._split = split
        self._folder = str(folder)

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with closing(_Files(self._folder)) as files:
            for batch in batches:
                for name, rows in self._split(batch):
                    files.write(name, rows)
        yield pa.RecordBatch.from_pylist([{"part": files.part}], schema=_PART)


class Spilled:
    """What the tasks of one batch have written."""

    def __init__(self, folder: Path, parts: list[str]) -> None:
        self._folder = folder
        self._parts = parts

    def read(self, name: str) -> pa.Table | None:
        """All rows of that name; none when there are none."""
        paths = [self._folder / f"{part}-{name}.arrow" for part in self._parts]
        tables = [pa.ipc.open_file(pa.memory_map(str(path))).read_all() for path in paths if path.exists()]
        return pa.concat_tables(tables) if tables else None


@contextmanager
def spilled(records: DataFrame, split: Split, *, folder: Path) -> Iterator[Spilled]:
    """Run `split` over the records in Spark's workers; what they wrote, for as long as the block lasts."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        parts = records.mapInArrow(_Spill(split, folder), "part string").toArrow()
        yield Spilled(folder, parts["part"].to_pylist())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def workers_share_disk(frame: DataFrame) -> bool:
    """Whether Spark's workers write where the driver can read."""
    return str(frame.sparkSession.sparkContext.master).startswith("local")
