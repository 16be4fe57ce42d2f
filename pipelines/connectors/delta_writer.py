"""Appending rows to Delta tables, once a batch: by Spark, or to a local lake without it.

An append by Spark costs most of a second of CPU whatever its size; a file written and committed here
some 10 ms. Both write the same protocol: the transaction id in the commit makes a
repeated batch harmless, whoever wrote it first.
"""

from typing import TypeAlias

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession  # noqa: TID251 - connectors speak to the session

from pipelines.connectors.delta import is_local
from pipelines.connectors.delta_files import write_files
from pipelines.connectors.delta_log import AppendLog
from pipelines.connectors.names import Names
from pipelines.contracts.positions import Coverage
from pipelines.contracts.tables import TableSpec

Rows: TypeAlias = "DataFrame | pa.Table"


class DeltaWriter:
    """Appends to the tables of one lake. The same `app_id` and batch a second time changes nothing."""

    def __init__(self, spark: SparkSession, names: Names) -> None:
        self._spark = spark
        self._names = names
        self._logs: dict[str, AppendLog] = {}

    @property
    def takes_arrow(self) -> bool:
        """Whether Arrow rows are written without Spark."""
        return is_local(self._names.lake)

    def append(self, spec: TableSpec, rows: Rows, *, app_id: str, coverage: Coverage) -> None:
        """Append the batch's rows of one table."""
        path = self._names.table(spec.name)
        identity = f"{app_id}:{spec.name}"
        if isinstance(rows, DataFrame):
            _append_frame(rows, path, identity, coverage)
        elif self.takes_arrow:
            self._append_arrow(rows, spec, path, identity, coverage)
        else:
            _append_frame(self._spark.createDataFrame(rows, spec.schema()), path, identity, coverage)

    def _append_arrow(
        self, rows: pa.Table, spec: TableSpec, path: str, app_id: str, coverage: Coverage
    ) -> None:
        log = self._logs.get(app_id)
        if log is None:
            log = self._logs[app_id] = AppendLog(path, app_id)
        if not log.has(coverage.batch_id):
            files = write_files(rows, spec, path)
            log.append(files, batch_id=coverage.batch_id, user_metadata=coverage.encode())


def _append_frame(rows: DataFrame, path: str, app_id: str, coverage: Coverage) -> None:
    (
        rows.write.format("delta")
        .mode("append")
        .option("txnAppId", app_id)
        .option("txnVersion", coverage.batch_id)
        .option("userMetadata", coverage.encode())
        .save(path)
    )
