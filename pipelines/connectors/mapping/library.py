"""Finding and loading mappings: shipped ones by name, anybody's by path."""

from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import duckdb

from pipelines.connectors.mapping.database import as_mapping_error, connect, create_empty_input, lock_down
from pipelines.connectors.mapping.records import bind_outputs
from pipelines.connectors.mapping.spec import Mapping, Select, parse_mapping
from pipelines.errors import MappingError

_SUFFIX = ".sql"


def mapping_names(folder: Path) -> list[str]:
    """Names of the mappings in the folder."""
    return sorted(path.stem for path in folder.glob(f"*{_SUFFIX}"))


def mapping_text(name_or_path: str, *, folder: Path) -> str:
    """The text of the mapping's file. Raises `MappingError`."""
    return _read(_find(name_or_path, folder))


def load_mapping(name_or_path: str, *, folder: Path) -> Mapping:
    """The mapping of that name in `folder`, or at that path, checked against the contracts.

    Raises `MappingError` of one sentence: no such mapping, a directive or SQL that is wrong, an
    output column that the topic does not have.
    """
    path = _find(name_or_path, folder)
    shown = f"conf/mappings/{path.name}" if path.parent == folder else str(path)
    mapping = parse_mapping(_read(path), name=path.stem, source=shown)
    with connect(threads=1, memory="200MB") as connection:
        create_empty_input(connection, mapping)
        lock_down(connection)
        bound = tuple(_bind(connection, mapping, select) for select in mapping.selects)
    return replace(mapping, selects=bound)


def _find(name_or_path: str, folder: Path) -> Path:
    if "/" in name_or_path or name_or_path.endswith(_SUFFIX):
        path = Path(name_or_path)
        if path.is_file():
            return path.resolve()
        raise MappingError(f"{name_or_path}: there is no such mapping file.")
    names = mapping_names(folder)
    if name_or_path in names:
        return folder / f"{name_or_path}{_SUFFIX}"
    near = get_close_matches(name_or_path, names, n=1)
    hint = f"did you mean `{near[0]}`? They are" if near else "they are"
    raise MappingError(
        f"there is no mapping `{name_or_path}` in conf/mappings; {hint} {', '.join(names)}, "
        f"or the path of your own .sql file."
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise MappingError(f"{path}: cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise MappingError(f"{path}: is not UTF-8 text.") from None


def _bind(connection: duckdb.DuckDBPyConnection, mapping: Mapping, select: Select) -> Select:
    where = mapping.place(select)
    try:
        statements = connection.extract_statements(select.sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise MappingError(f"{where}: must be one select.")
        relation = connection.sql(select.sql)
    except duckdb.Error as error:
        raise as_mapping_error(where, error) from None
    outputs = bind_outputs(mapping, select, list(relation.columns), list(relation.types))
    return replace(select, outputs=outputs)
