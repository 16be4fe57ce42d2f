"""The table of what was read of features: appended without Spark, some seconds of reads at a time."""

import uuid
from typing import Any

import msgspec
import pyarrow as pa
from deltalake import write_deltalake

from pipelines.connectors.delta import ensure_without_spark
from pipelines.connectors.names import Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.feature_reads import FEATURE_READS
from pipelines.contracts.positions import nested
from pipelines.gold.features.scalar import values
from pipelines.runtime.features.live import LiveRead
from pipelines.runtime.features.sampled_keys import Question


class ReadsLog:
    """What one run of a reader has read. Raises `LakeError` when the table there is another."""

    def __init__(self, names: Names) -> None:
        self._path = names.table(FEATURE_READS.name)
        self._reader = uuid.uuid4().hex[:12]
        self._rows: list[dict[str, Any]] = []
        self._count = 0
        ensure_without_spark(FEATURE_READS, self._path)

    @property
    def count(self) -> int:
        """Reads so far."""
        return self._count

    def add(self, question: Question, found: LiveRead, *, at: int) -> None:
        """Note what was read at that moment, UTC microseconds, of something that `is_whole`."""
        one = question.feature_set
        row = {
            "reader": self._reader,
            "read_number": self._count,
            "feature_set": one.name,
            "version": one.version,
            "entity": _json(found.key),
            "is_by_user": question.is_by_user,
            "at": at,
            "batch_id": found.batch_id,
            "positions": _json(nested(found.positions)),
            "in_flight": found.in_flight,
            "features": _json(values(one, found.state, at=at)),
        }
        self._rows.append(row)
        self._count += 1

    def write(self) -> None:
        """Append what has been noted since the last time."""
        if self._rows:
            rows = pa.Table.from_pylist(self._rows, schema=arrow_schema(FEATURE_READS))
            write_deltalake(self._path, rows, mode="append")
            self._rows.clear()


def _json(content: Any) -> str:
    return msgspec.json.encode(content).decode()
