"""A mapping applied to the messages of a live topic: each JSON object is one input row."""

import os
import threading
from collections.abc import Sequence
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from pipelines.connectors.mapping.database import connect, lock_down
from pipelines.connectors.mapping.records import record_sql
from pipelines.connectors.mapping.spec import Mapping
from pipelines.contracts.decoding import decode_value
from pipelines.contracts.fields import Invalid
from pipelines.contracts.parsing import Reject
from pipelines.contracts.translation import Translated
from pipelines.errors import MappingError

_DETAIL = 200
_MESSAGES = "messages"
_TRANSLATION = "translation"
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
        with _lock:
            connection = _connection()
            _prepare(connection, mapping, _as_table(mapping, rows))
            _translate_rows(connection, mapping, [index for index, *_ in rows], outcomes)
    return outcomes


def _connection() -> duckdb.DuckDBPyConnection:
    """The connection of this process; a forked worker makes its own."""
    process = os.getpid()
    if process not in _connections:
        connection = connect(threads=1)
        lock_down(connection)
        _connections[process] = connection
    return _connections[process]


def _prepare(connection: duckdb.DuckDBPyConnection, mapping: Mapping, table: pa.Table) -> None:
    """Bind the mapping's selects to the rows, once for all the ranges of them that are asked for."""
    connection.register(_MESSAGES, table)
    parts = (record_sql(one, number=n, shift_micros=0) for n, one in enumerate(mapping.selects))
    connection.execute(
        f"prepare {_TRANSLATION} as with input as (select * replace (_rest::json as _rest) from {_MESSAGES} "
        f"where _row between $1 and $2) select _select, _row, encode(_value), _known_at "
        f"from ({' union all '.join(parts)}) order by _row, _select"
    )


def _translate_rows(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    rows: Sequence[int],
    outcomes: list[Translated | Reject],
) -> None:
    """Fill the outcomes of the rows; rows that fail are halved until the bad one stands alone."""
    try:
        records = connection.execute(f"execute {_TRANSLATION}({rows[0]}, {rows[-1]})").fetchall()
    except duckdb.Error as error:
        if len(rows) == 1:
            detail = " ".join(str(error).split("\n\nLINE", 1)[0].split())[:_DETAIL]
            outcomes[rows[0]] = Reject("map", "mapping_failed", None, detail)
            return
        middle = len(rows) // 2
        _translate_rows(connection, mapping, rows[:middle], outcomes)
        _translate_rows(connection, mapping, rows[middle:], outcomes)
        return
    for number, row, value, known_at in records:
        found = outcomes[row]
        if isinstance(found, Reject):
            found = outcomes[row] = []
        found.append((mapping.selects[number].topic, value, known_at))


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
