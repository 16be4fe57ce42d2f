"""Rows of silver tables from the few columns that matter, and the views over them in DuckDB."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.contracts.arrow import arrow_type
from pipelines.contracts.lake import all_tables
from pipelines.contracts.views import all_views
from tests.records import NOON

Row = dict[str, Any]
_REQUIRED = {
    pa.string(): "",
    pa.int32(): 0,
    pa.int64(): 0,
    pa.float64(): 0.0,
    pa.bool_(): False,
    pa.timestamp("us", tz="UTC"): NOON,
    pa.date32(): NOON.date(),
}


def second(number: int | None):
    """That many seconds past noon; null of null."""
    return None if number is None else NOON + timedelta(seconds=number)


def arrow_rows(table: str, rows: Sequence[Row]) -> pa.Table:
    """Rows of a declared table; the n-th has offset n and arrived n seconds past noon unless it says else."""
    spec = all_tables()[table]
    columns = [(c.name, arrow_type(c.type), c.nullable) for c in spec.columns]
    empty = {name: None if nullable else _REQUIRED[kind] for name, kind, nullable in columns}
    whole = [
        empty | {"offset": n, "ingested_at": second(n), "known_at": second(n)} | dict(row)
        for n, row in enumerate(rows)
    ]
    schema = pa.schema([pa.field(name, kind, nullable) for name, kind, nullable in columns])
    return pa.Table.from_pylist([{name: row[name] for name in empty} for row in whole], schema=schema)


def order_rows(messages: Sequence[Row]) -> list[Row]:
    """One row per line of each message; `lines` are product ids, one if it names none."""
    found = []
    for n, message in enumerate(messages):
        head = {"offset": n, "ingested_at": second(n), "visitor_id": "v"} | message
        products = head.pop("lines", ["p"])
        found += [
            head | {"line_number": number, "line_count": len(products), "product_id": product, "quantity": 1}
            for number, product in enumerate(products, start=1)
        ]
    return found


def in_duckdb(tables: Mapping[str, pa.Table], view: str) -> pa.Table:
    """All rows of a view over these tables, its others empty."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set timezone = 'UTC'; create schema silver; create schema gold")
        _add(connection, view, tables)
        return connection.sql(f"from {view}").to_arrow_table()


def _add(connection: duckdb.DuckDBPyConnection, name: str, tables: Mapping[str, pa.Table]) -> None:
    view = all_views().get(name)
    if view is None:
        connection.register(name.replace(".", "__"), tables.get(name, arrow_rows(name, [])))
        connection.execute(f"create view if not exists {name} as from {name.replace('.', '__')}")
        return
    for read in view.reads:
        _add(connection, read, tables)
    connection.execute(f"create view if not exists {name} as {view.sql({read: read for read in view.reads})}")


def by_key(rows: pa.Table, view: str) -> list[Row]:
    """The rows in the order of the view's keys, which must tell them apart."""
    keys = all_views()[view].keys
    found = sorted(rows.to_pylist(), key=lambda row: [row[key] for key in keys])
    assert len({tuple(row[key] for key in keys) for row in found}) == len(found), (
        f"{keys} is no key of {view}"
    )
    return found
