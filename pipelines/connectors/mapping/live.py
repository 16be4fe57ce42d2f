"""A mapping applied to the messages of a live topic: each JSON object is one input row."""

import os
import threading
from collections.abc import Sequence
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from pipelines.connectors.mapping.database import connect, create_input, lock_down
from pipelines.connectors.mapping.records import record_sql
from pipelines.connectors.mapping.spec import Mapping
from pipelines.contracts.decoding import decode_value
from pipelines.contracts.fields import Invalid
from pipelines.contracts.parsing import Reject
from pipelines.contracts.translation import Translated
from pipelines.errors import MappingError

_DETAIL = 200
_MESSAGES = "messages"
_InputRow = tuple[int, list[str | None], str | None]
_lock = threading.Lock()
_connections: dict[int, duckdb.DuckDBPyConnection] = {}


class LiveTranslator:
    """Translates the messages of a bound topic; plain data, so Spark can ship it to its workers."""

    def __init__(self, mapping: Mapping) -> None:
        if mapping.files_only:
            raise MappingError(
                f"{mapping.source}: is marked `@files_only` (it looks at several rows at once), so it cannot "
                f"be bound to a live topic."
            )
        self._mapping = mapping

    def __call__(self, values: Sequence[bytes | None]) -> list[Translated | Reject]:
        """One outcome a value, in order."""
        return translate(self._mapping, values)


def translate(mapping: Mapping, values: Sequence[bytes | None]) -> list[Translated | Reject]:
    """Canonical records of each message, or why there are none.

    A message that is no JSON object (or known Avro) is a reject of stage decode; one that no select
    takes is `unmapped`, one on which the SQL fails `mapping_failed`, both of stage map. A bad message
    never rejects its neighbours.
    """
    outcomes: list[Translated | Reject] = [Reject("map", "unmapped", None, mapping.name)] * len(values)
    rows: list[_InputRow] = []
    for index, value in enumerate(values):
        try:
            rows.append((index, *_cells(mapping, decode_value(value))))
        except Invalid as broken:
            outcomes[index] = Reject("decode", broken.reason, broken.field, broken.detail)
    if rows:
        table = _as_table(mapping, rows)
        with _lock:
            _translate_rows(_connection(), mapping, table, outcomes)
    return outcomes


def _connection() -> duckdb.DuckDBPyConnection:
    """The connection of this process; a forked worker makes its own."""
    process = os.getpid()
    if process not in _connections:
        connection = connect(threads=1)
        lock_down(connection)
        _connections[process] = connection
    return _connections[process]


def _translate_rows(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    table: pa.Table,
    outcomes: list[Translated | Reject],
) -> None:
    """Fill the outcomes of the table's rows; a table that fails is halved until the bad row stands alone."""
    try:
        records = _run(connection, mapping, table)
    except duckdb.Error as error:
        if table.num_rows == 1:
            detail = " ".join(str(error).split("\n\nLINE", 1)[0].split())[:_DETAIL]
            outcomes[table.column("_row")[0].as_py()] = Reject("map", "mapping_failed", None, detail)
            return
        middle = table.num_rows // 2
        _translate_rows(connection, mapping, table.slice(0, middle), outcomes)
        _translate_rows(connection, mapping, table.slice(middle), outcomes)
        return
    for row, topic, value, known_at in records:
        found = outcomes[row]
        if isinstance(found, Reject):
            found = outcomes[row] = []
        found.append((topic, value, known_at))


def _run(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, table: pa.Table
) -> list[tuple[int, str, bytes, str | None]]:
    connection.register(_MESSAGES, table)
    source = f"(select * replace (_rest::json as _rest) from {_MESSAGES})"
    create_input(connection, mapping, source)
    found: list[tuple[int, str, bytes, str | None]] = []
    for number, select in enumerate(mapping.selects):
        query = record_sql(select, number=number, shift_micros=0)
        rows = connection.sql(f"select _row, encode(_value), _known_at from ({query})").to_arrow_table()
        columns = [column.to_pylist() for column in rows.columns]
        found += [(row, select.topic, value, known) for row, value, known in zip(*columns, strict=True)]
    return found


def _cells(mapping: Mapping, message: dict[str, Any]) -> tuple[list[str | None], str | None]:
    """The declared columns of a message as text, found by any accepted name, and the rest as JSON."""
    present = {name.lower(): name for name in message}
    used: set[str] = set()
    cells: list[str | None] = []
    for column in mapping.columns:
        keys = [key for name in column.accepted if (key := present.get(name.lower())) is not None]
        used.update(keys)
        value = next((message[key] for key in keys if message[key] is not None), None)
        cells.append(_text(value))
    if not mapping.uses_rest:
        return cells, None
    rest = {name: value for name, value in message.items() if name not in used}
    return cells, _text(rest) if rest else None


def _text(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value or None
    return msgspec.json.encode(value).decode()


def _as_table(mapping: Mapping, rows: Sequence[_InputRow]) -> pa.Table:
    numbers, cells, rest = zip(*rows, strict=True)
    texts = zip(*cells, strict=True)
    columns = {
        c.name: pa.array(values, pa.string()) for c, values in zip(mapping.columns, texts, strict=True)
    }
    return pa.table(
        {
            "_row": pa.array(numbers, pa.int64()),
            "_file": pa.nulls(len(rows), pa.string()),
            **columns,
            "_rest": pa.array(rest, pa.string()),
        }
    )
