"""Reading the lake without Spark: DuckDB over the Delta tables, for questions at the command line."""

from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from pipelines.connectors.delta import local_commits, positions_in
from pipelines.connectors.names import Names
from pipelines.contracts.lake import BRONZE, all_tables
from pipelines.contracts.positions import Vector, furthest
from pipelines.contracts.topics import all_topics
from pipelines.contracts.views import View, all_views
from pipelines.errors import LakeError, SettingsError


class LakeReader:
    """One consistent look at the lake: every table as it was when the reader was opened.

    `tables` and `views` are the names that can be asked; a view is there when all that it reads is.
    """

    def __init__(self, names: Names) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("set timezone = 'UTC'")
        self.tables: list[str] = []
        self.views: list[str] = []
        for table in (*all_tables(), *names.feature_tables()):
            self._add(table, names.table(table))
        for view in all_views().values():
            self._add_view(view)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> duckdb.DuckDBPyRelation:
        """The result of a statement. Raises `SettingsError` with DuckDB's sentence on a bad one."""
        if not self.tables:
            raise LakeError("the lake has no tables yet: run `clicklake demo`, or the job land_bronze.")
        try:
            return self._connection.sql(sql, params=list(parameters) or None)
        except duckdb.Error as error:
            known = f"Tables: {', '.join(self.tables)}. Views: {', '.join(self.views)}."
            raise SettingsError(f"{str(error).strip()}\n{known}") from None

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """All rows of the result, as dictionaries."""
        relation = self.query(sql, parameters)
        return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]

    def lend(self, name: str, rows: pa.Table) -> None:
        """Let questions read these rows under that name."""
        self._connection.register(name, rows)

    def _add(self, table: str, path: str) -> None:
        try:
            delta = DeltaTable(path)
        except TableNotFoundError:
            return
        layer, _, plural = table.partition(".")
        self._connection.register(f"{layer}__{plural}", delta.to_pyarrow_dataset())
        self._connection.execute(f'create schema if not exists "{layer}"')
        self._connection.execute(f'create view "{layer}"."{plural}" as from "{layer}__{plural}"')
        self.tables.append(table)
        if table == BRONZE.name:
            self._add_topics({*all_topics(), *(values["topic"] for values in delta.partitions())})

    def _add_topics(self, topics: Iterable[str]) -> None:
        """A view `bronze.<topic>` a topic, those of bound mappings too."""
        for topic in sorted(topics):
            name, value = topic.replace('"', '""'), topic.replace("'", "''")
            self._connection.execute(
                f"create view bronze.\"{name}\" as from bronze.records where topic = '{value}'"
            )
            self.tables.append(f"bronze.{topic}")

    def _add_view(self, view: View) -> None:
        if set(view.reads) - {*self.tables, *self.views}:
            return
        try:
            self._connection.execute(f"create view {view.name} as {view.sql({n: n for n in view.reads})}")
        except duckdb.BinderException:  # a table of an earlier version lacks a column; the rest can be read
            return
        self.views.append(view.name)


def covered(names: Names, tables: Sequence[str], *, query: str) -> Vector:
    """The furthest positions that the query's commits to these tables carry, read without Spark."""
    paths = [names.table(table) for table in tables]
    return furthest(vector for path in paths for vector in positions_in(local_commits(path), query))
