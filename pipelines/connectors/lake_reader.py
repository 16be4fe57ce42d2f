"""Reading the lake without Spark: DuckDB over the Delta tables, for questions at the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from pipelines.connectors.names import Names
from pipelines.contracts.lake import all_tables
from pipelines.errors import LakeError, SettingsError


class LakeReader:
    """One consistent look at the lake: every table as it was when the reader was opened."""

    def __init__(self, names: Names) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("set timezone = 'UTC'")
        self.tables: list[str] = []
        for table in _table_names(names):
            self._add(table, names.table(table))

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> duckdb.DuckDBPyRelation:
        """The result of a statement. Raises `SettingsError` with DuckDB's sentence on a bad one."""
        if not self.tables:
            raise LakeError("the lake has no tables yet: run `clicklake demo`, or the job land_bronze.")
        try:
            return self._connection.sql(sql, params=list(parameters) or None)
        except duckdb.Error as error:
            raise SettingsError(f"{str(error).strip()}\nTables: {', '.join(self.tables)}.") from None

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """All rows of the result, as dictionaries."""
        relation = self.query(sql, parameters)
        return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]

    def _add(self, table: str, path: str) -> None:
        try:
            dataset = DeltaTable(path).to_pyarrow_dataset()
        except TableNotFoundError:
            return
        layer, _, plural = table.partition(".")
        self._connection.register(f"{layer}__{plural}", dataset)
        self._connection.execute(f'create schema if not exists "{layer}"')
        self._connection.execute(f'create view "{layer}"."{plural}" as from "{layer}__{plural}"')
        self.tables.append(table)


def _table_names(names: Names) -> list[str]:
    """The declared tables, and on a local lake also those of bound topics."""
    found = set(all_tables())
    lake = Path(names.lake)
    if lake.is_dir():
        logs = lake.glob("*/*/_delta_log")
        found |= {f"{log.parent.parent.name}.{log.parent.name}" for log in logs}
    return sorted(found)
