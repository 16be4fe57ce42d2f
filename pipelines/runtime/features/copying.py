"""Rows of Arrow as the text that Postgres' COPY reads, made by Arrow's own loops."""

from io import BytesIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from psycopg2.extensions import cursor as Cursor

from pipelines.runtime.features.layout import listed

_OPTIONS = pa.csv.WriteOptions(include_header=False, quoting_style="all_valid")


def copy_rows(cursor: Cursor, table: str, rows: pa.Table) -> None:
    """Add the rows to the table, whose name is given as in a statement, by their columns' names."""
    statement = f"copy {table} ({listed(rows.column_names)}) from stdin (format csv)"
    cursor.copy_expert(statement, BytesIO(as_csv(rows)))


def as_csv(rows: pa.Table) -> bytes:
    """The rows as CSV: every value in quotes, an unquoted nothing for null, arrays in Postgres' form."""
    plain = pa.table({name: _plain(rows[name]) for name in rows.column_names})
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(plain, sink, _OPTIONS)
    return bytes(sink.getvalue())


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([_array(chunk) for chunk in column.chunks]) if _is_list(column.type) else column


def _is_list(type_: pa.DataType) -> bool:
    return bool(pa.types.is_list(type_))


def _array(lists: pa.ListArray) -> pa.Array:
    """{1,2} of each list, texts in quotes."""
    # Flattening leaves out what null rows and slices hide, so the offsets are made anew.
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
    shown = pa.ListArray.from_arrays(offsets, _shown(lists.flatten()))
    joined = pc.binary_join_element_wise("{", pc.binary_join(shown, ","), "}", "")
    return pc.if_else(lists.is_valid(), joined, None)


def _shown(values: pa.Array) -> pa.Array:
    if not pa.types.is_string(values.type):
        return values.cast(pa.string())
    escaped = pc.replace_substring(pc.replace_substring(values, "\\", "\\\\"), '"', '\\"')
    return pc.binary_join_element_wise('"', escaped, '"', "")
