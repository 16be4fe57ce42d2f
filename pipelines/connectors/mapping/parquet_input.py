"""Parquet files into a table: times become ISO text, nested values JSON text."""

from pipelines.connectors.mapping.database import literal, quoted
from pipelines.connectors.mapping.formats import Source
from pipelines.connectors.mapping.target import ABSENT, FileReport, Target, json_of


def load_parquet(target: Target, source: Source, limit: int | None) -> FileReport:
    """Fill the table. Raises `MappingError` when a required column is lost."""
    read = f"from read_parquet({literal(str(source.path))})"
    relation = target.connection.sql(f"select * {read}")
    names = list(relation.columns)
    as_text = {name: _as_text(name, str(kind)) for name, kind in zip(names, relation.types, strict=True)}
    chosen = target.choose(source, names)
    texts = {name: as_text[found] if found else ABSENT for name, found in chosen.items()}
    rest = json_of((name, quoted(name)) for name in names if name not in chosen.values())
    end = "" if limit is None else f"limit {limit}"
    target.connection.execute(
        f"create table {target.table} as select {target.projection(texts, rest)} {read} {end}"
    )
    return FileReport(str(source.path), "parquet", target.rows(), 0)


def _as_text(name: str, kind: str) -> str:
    if kind.startswith("TIMESTAMP"):
        return f"strftime({quoted(name)}, '%Y-%m-%dT%H:%M:%S.%fZ')"
    if kind.startswith(("STRUCT", "MAP")) or kind.endswith("]"):
        return f"to_json({quoted(name)})::varchar"
    return f"nullif({quoted(name)}::varchar, '')"
