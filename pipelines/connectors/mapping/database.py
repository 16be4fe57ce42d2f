"""DuckDB connections for mappings: bounded memory, UTC, no network, and the helper macros."""

from pathlib import Path

import duckdb

from pipelines.connectors.mapping.spec import Mapping
from pipelines.errors import MappingError

_MACROS = r"""
create macro or_text(converted, original) as coalesce(to_json(converted), to_json(original));
create macro utc_time(given, format) as
  coalesce(strftime(try_strptime(given, format), '%Y-%m-%dT%H:%M:%S.%fZ'), given);
create macro whole_number(given) as case
  when regexp_full_match(given, '[+-]?[0-9]{1,18}') then to_json(given::bigint) else to_json(given) end;
create macro minor_units(given, digits := 2) as case
  when regexp_full_match(given, '[+-]?[0-9]{1,15}([.][0-9]{0,' || digits || '}0*)?')
  then to_json((given::decimal(38, 4) * (10 ** digits)::bigint)::bigint) else to_json(given) end;
create macro rounded_minor_units(given, digits := 2) as case
  when regexp_full_match(given, '[+-]?[0-9]{1,15}([.][0-9]*)?([eE][+-]?[0-9]{1,2})?')
  then or_text(try_cast(round(try_cast(given as decimal(38, 16)) * (10 ** digits)::bigint) as bigint), given)
  else to_json(given) end;
create macro basis_points(given) as rounded_minor_units(given, digits := 4);
create macro json_items(given) as case
  when json_valid(given) and json_type(given) = 'ARRAY' then from_json(given, '["json"]') end;
"""


def connect(
    database: str = ":memory:", *, threads: int, memory: str = "1GB", scratch: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection with the macros of `docs/mappings.md`; what exceeds `memory` spills to `scratch`."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": threads,
        "memory_limit": memory,
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    if scratch is not None:
        config["temp_directory"] = str(scratch)
    connection = duckdb.connect(database, config=config)
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    connection.execute(_MACROS)
    return connection


def lock_down(connection: duckdb.DuckDBPyConnection) -> None:
    """From here on the SQL of a mapping can read nothing but its input."""
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def create_input(connection: duckdb.DuckDBPyConnection, mapping: Mapping, rows: str) -> None:
    """The view `input`: the declared columns of the relation `rows`, `_row`, `_file`, `_rest`."""
    columns = "".join(f", {quoted(column.name)}" for column in mapping.columns)
    connection.execute(f"create or replace view input as select _row, _file{columns}, _rest from {rows}")


def create_empty_input(connection: duckdb.DuckDBPyConnection, mapping: Mapping) -> None:
    """An `input` without rows, to bind a mapping's selects against.

    Raises `MappingError` when a column could not be named in SQL.
    """
    words = (
        "select keyword_name from duckdb_keywords() where keyword_category in ('reserved', 'type_function')"
    )
    reserved = {word for (word,) in connection.execute(words).fetchall()}
    for column in mapping.columns:
        if column.name.lower() in reserved:
            where = f"{mapping.source}: `@column {column.name}`"
            raise MappingError(f"{where}: `{column.name}` is a word of SQL; choose another name on the left.")
    columns = "".join(f", {quoted(column.name)} varchar" for column in mapping.columns)
    connection.execute(f"create table nothing (_row bigint, _file varchar{columns}, _rest json)")
    create_input(connection, mapping, "nothing")


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + text.replace("'", "''") + "'"


def as_mapping_error(where: str, error: duckdb.Error) -> MappingError:
    """DuckDB's message as one sentence."""
    first = " ".join(str(error).split("\n\nLINE", 1)[0].split())
    return MappingError(f"{where}: {first.rstrip('.')}.")
