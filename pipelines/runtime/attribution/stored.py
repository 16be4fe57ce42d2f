"""The book of orders as rows of plain Python, to be compared with the oracle's."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from psycopg2.extensions import cursor as Cursor

from pipelines.contracts.clock import micros
from pipelines.runtime.attribution.minutes import PER_MINUTE

Row = dict[str, Any]
BOOK = ("checkouts", "touchpoints", "orders", "attributed_orders", *PER_MINUTE)
"""The tables of the schema `gold` that the stream fills."""
_NOT_COMPARED = frozenset({"batch_id"})


def stored_rows(cursor: Cursor, table: str) -> list[Row]:
    """All rows of a table of `BOOK`, times in UTC microseconds."""
    cursor.execute(f"select * from gold.{table}")  # noqa: S608 - a constant's name
    names = [column.name for column in cursor.description or ()]
    return [
        {name: _plain(value) for name, value in zip(names, row, strict=True) if name not in _NOT_COMPARED}
        for row in cursor
    ]


def differences(expected: Iterable[Mapping[str, Any]], found: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many rows are expected, how many of them are missing, how many there are beside them."""
    wanted, there = ({_frozen(row) for row in rows} for rows in (expected, found))
    return {"rows": len(wanted), "missing": len(wanted - there), "extra": len(there - wanted)}


def _plain(value: Any) -> Any:
    return micros(value) if isinstance(value, datetime) else value


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted((name, _frozen(one)) for name, one in value.items()))
    return tuple(_frozen(one) for one in value) if isinstance(value, list) else value
