"""Several files into one relation of text columns, in the order they were named."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipelines.connectors.mapping.csv_input import load_csv
from pipelines.connectors.mapping.database import as_mapping_error, literal, quoted
from pipelines.connectors.mapping.formats import Source, recognise
from pipelines.connectors.mapping.json_input import load_json_array, load_json_lines
from pipelines.connectors.mapping.parquet_input import load_parquet
from pipelines.connectors.mapping.spec import Mapping
from pipelines.connectors.mapping.target import FileReport, Target

_LOADERS = {"csv": load_csv, "jsonl": load_json_lines, "json": load_json_array, "parquet": load_parquet}


class InputTable:
    """Files loaded into a DuckDB connection; `relation` is all of them, in order."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, mapping: Mapping, scratch: Path) -> None:
        self._connection = connection
        self._mapping = mapping
        self._scratch = scratch
        self._parts: list[str] = []
        self.reports: list[FileReport] = []

    @property
    def rows(self) -> int:
        """Rows read so far."""
        return sum(report.rows for report in self.reports)

    @property
    def relation(self) -> str:
        """SQL of all rows read: `_row` from 1 on, `_file`, the declared columns, `_rest`."""
        return f"({' union all '.join(self._parts)})"

    def load(self, paths: Sequence[Path], *, limit: int | None) -> None:
        """Read the files, about `limit` rows of them. Raises `MappingError` for an unusable file."""
        for source in [recognise(path) for path in paths]:
            left = None if limit is None else limit - self.rows
            if left is None or left > 0:
                self._load(source, left)

    def _load(self, source: Source, limit: int | None) -> None:
        target = Target(self._connection, self._mapping, self._scratch, f"file_{len(self._parts)}")
        first = self.rows + 1
        try:
            self.reports.append(_LOADERS[source.format](target, source, limit))
        except duckdb.Error as error:
            raise as_mapping_error(f"{source.path}: is no readable {source.format} file", error) from None
        columns = "".join(f", {quoted(column.name)}" for column in self._mapping.columns)
        self._parts.append(
            f"select rowid + {first} as _row, {literal(str(source.path))} as _file{columns}, _rest "
            f"from {target.table}"
        )
