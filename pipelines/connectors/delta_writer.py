"""Appending rows to Delta tables, once a batch: by Spark, or of small batches by delta-rs.

An append by Spark costs most of a second of CPU whatever its size, one by delta-rs some 15 ms. So
rows that are on the driver anyway go to a local lake by delta-rs. Both write the same protocol: the
transaction id in the commit makes a repeated batch harmless, whoever wrote it first.
"""

from typing import TypeAlias

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from pyspark.sql import DataFrame, SparkSession  # noqa: TID251 - connectors speak to the session

from pipelines.connectors.delta import is_local
from pipelines.connectors.names import Names
from pipelines.contracts.positions import Coverage
from pipelines.contracts.tables import TableSpec

Rows: TypeAlias = "DataFrame | pa.Table"


class DeltaWriter:
    """Appends to the tables of one lake. The same `app_id` and batch a second time changes nothing."""

    def __init__(self, spark: SparkSession, names: Names) -> None:
        self._spark = spark
        self._names = names
        self._open: dict[str, DeltaTable] = {}

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
            self._append_arrow(rows, path, identity, coverage)
        else:
            _append_frame(self._spark.createDataFrame(rows, spec.schema()), path, identity, coverage)

    def _append_arrow(self, rows: pa.Table, path: str, app_id: str, coverage: Coverage) -> None:
        table = self._open.get(path)
        if table is None:
            table = self._open[path] = DeltaTable(path)
        table.update_incremental()
        written = table.transaction_version(app_id)
        if written is not None and written >= coverage.batch_id:
            return
        properties = CommitProperties(
            custom_metadata={"userMetadata": coverage.encode()},
            app_transactions=[Transaction(app_id, coverage.batch_id)],
        )
        write_deltalake(table, rows, mode="append", commit_properties=properties)


def _append_frame(rows: DataFrame, path: str, app_id: str, coverage: Coverage) -> None:
    (
        rows.write.format("delta")
        .mode("append")
        .option("txnAppId", app_id)
        .option("txnVersion", coverage.batch_id)
        .option("userMetadata", coverage.encode())
        .save(path)
    )
