"""CSV files into a table: every line is read, or counted as rejected with an example."""

import duckdb

from pipelines.connectors.mapping.csv_lines import (
    CopyReport,
    Header,
    copy_whole_records,
    read_header,
    shown,
)
from pipelines.connectors.mapping.database import literal
from pipelines.connectors.mapping.formats import Source
from pipelines.connectors.mapping.target import ABSENT, FileReport, Target, json_of

_EXAMPLES = 3
_MAX_LINE_BYTES = 4 * 1024 * 1024
_NOTHING_DROPPED = CopyReport(0, ())


def load_csv(target: Target, source: Source, limit: int | None) -> FileReport:
    """Fill the table; with a `limit`, from the first records only. Raises `MappingError`."""
    header = read_header(source)
    target.choose(source, header.names)
    if limit is not None:
        copied = _read_copy(target, source, header, limit)
        return _report(target, source, copied, copied.dropped + _rejected(target))
    lines = source.count_lines() - 1
    copied = _NOTHING_DROPPED
    if not _read_fast(target, source, header) or lines - _lines_taken(target) > _rejected(target):
        copied = _read_copy(target, source, header, None)
    return _report(target, source, copied, lines - _lines_taken(target))


def _read_fast(target: Target, source: Source, header: Header) -> bool:
    """True when DuckDB could read the file as it is; the lines it names are in `reject_errors`."""
    try:
        _read(target, source, header)
    except duckdb.Error:  # mixed line ends, a quote never closed: the careful copy mends those
        return False
    return True


def _read_copy(target: Target, source: Source, header: Header, limit: int | None) -> CopyReport:
    path = target.scratch / f"{target.table}.csv"
    least = 1 if target.mapping.short_rows else len(header.names)
    copied = copy_whole_records(source, header, path, least_cells=least, limit=limit)
    _read(target, Source(path, "csv", "none"), Header(header.names, header.delimiter, 0))
    path.unlink()
    return copied


def _read(target: Target, source: Source, header: Header) -> None:
    # DuckDB cannot pad rows and read quoted line breaks in parallel.
    short_rows = ", null_padding=true, parallel=false" if target.mapping.short_rows else ""
    cells = ", ".join(f"'c{n}': 'VARCHAR'" for n in range(len(header.names)))
    for kept in ("reject_errors", "reject_scans"):
        target.connection.execute(f"drop table if exists {kept}")
    target.connection.execute(
        f"create or replace table {target.table} as select {_columns(target, source, header)} "
        f"from read_csv({literal(str(source.path))}, auto_detect=false, header=true, columns={{{cells}}}, "
        f"delim={literal(header.delimiter)}, quote='\"', escape='\"', skip={header.blank_lines}, "
        f"compression='{source.compression}', max_line_size={_MAX_LINE_BYTES}, store_rejects=true"
        f"{short_rows})"
    )


def _columns(target: Target, source: Source, header: Header) -> str:
    cells = {name: f"c{n}" for n, name in enumerate(header.names)}
    chosen = target.choose(source, header.names)
    texts = {name: cells[found] if found else ABSENT for name, found in chosen.items()}
    rest = json_of((name, cell) for name, cell in cells.items() if name not in chosen.values())
    whole = f"concat({', '.join(cells.values())})"
    more = rf"len(regexp_extract_all({whole}, '\n[ \t\r]*[^ \t\r\n]'))"
    further_lines = f"case when contains({whole}, chr(10)) then {more} else 0 end"
    return f"{target.projection(texts, rest)}, {further_lines} as _further_lines"


def _lines_taken(target: Target) -> int:
    """Lines, blank ones aside, that the rows of the table took up."""
    return target.count(f"select count(*) + coalesce(sum(_further_lines), 0) from {target.table}")


def _rejected(target: Target) -> int:
    """Records that DuckDB rejected in its last reading."""
    return target.count("select count(distinct byte_position) from reject_errors")


def _report(target: Target, source: Source, copied: CopyReport, unread: int) -> FileReport:
    errors = target.connection.execute(
        f"select csv_line, error_message from reject_errors order by line limit {_EXAMPLES}"
    ).fetchall()
    examples = [f"{shown((line or '').strip())} ({shown(why)})" for line, why in errors]
    examples += [f"{line} (a quote is never closed)" for line in copied.examples]
    rejected = max(unread, _rejected(target) + copied.dropped)
    return FileReport(str(source.path), "csv", target.rows(), rejected, tuple(examples[:_EXAMPLES]))
