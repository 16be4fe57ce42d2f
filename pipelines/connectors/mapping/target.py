"""What every reader of a file fills: one table of the declared columns, as text; empty text is NULL."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import duckdb

from pipelines.connectors.mapping.database import literal, quoted
from pipelines.connectors.mapping.formats import Source
from pipelines.connectors.mapping.spec import InputColumn, Mapping
from pipelines.errors import MappingError

ABSENT = "null::varchar"
_SHOWN_NAMES = 30


@dataclass(frozen=True)
class FileReport:
    """What was read of a file: rows, and lines that are no row, with the first few of them."""

    path: str
    format: str
    rows: int
    rejected_lines: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """The table to be made of a file, and what it takes. `scratch` is for temporary copies."""

    connection: duckdb.DuckDBPyConnection
    mapping: Mapping
    scratch: Path
    table: str

    def count(self, query: str) -> int:
        """The one number of a query."""
        row = self.connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def rows(self) -> int:
        """Rows in the table."""
        return self.count(f"select count(*) from {self.table}")

    def choose(self, source: Source, names: Sequence[str]) -> dict[str, str | None]:
        """The file's column for each declared one. Raises `MappingError` when a required one is lost."""
        present = {name.lower(): name for name in reversed(names)}
        chosen = {column.name: column.found_in(present) for column in self.mapping.columns}
        for column in self.mapping.columns:
            if column.required and chosen[column.name] is None:
                raise MappingError(_missing(source, column, names, self.mapping))
        return chosen

    def projection(self, texts: dict[str, str], rest: str) -> str:
        """The select list: an SQL text for each declared column, then `_rest` where it is used."""
        parts = [f"{texts[column.name]} as {quoted(column.name)}" for column in self.mapping.columns]
        kept = f"nullif(({rest})::varchar, '{{}}')" if self.mapping.uses_rest else "null"
        return f"{', '.join(parts)}, ({kept})::json as _rest"


def json_of(members: Iterable[tuple[str, str]]) -> str:
    """SQL of a JSON object of (name, expression) without its nulls."""
    return f"json_merge_patch('{{}}', json_object({', '.join(f'{literal(n)}, {sql}' for n, sql in members)}))"


def _missing(source: Source, column: InputColumn, names: Sequence[str], mapping: Mapping) -> str:
    near = next((found for name in column.accepted if (found := get_close_matches(name, names, n=1))), None)
    hint = f" (perhaps `{near[0]}`)" if near else ""
    return (
        f"{source.path}: has no column for `{column.name}`: accepted are "
        f"{', '.join(column.accepted)}; it has {', '.join(names[:_SHOWN_NAMES])}{hint}; add the name to "
        f"`@column {column.name}` of {mapping.source}."
    )
