"""JSON lines and JSON arrays into a table: nested values become JSON text."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import msgspec

from pipelines.connectors.mapping.csv_lines import shown
from pipelines.connectors.mapping.database import literal
from pipelines.connectors.mapping.formats import Source
from pipelines.connectors.mapping.target import ABSENT, FileReport, Target

_EXAMPLES = 3
_MAX_OBJECT_BYTES = 16 * 1024 * 1024
_OBJECTS = "json_objects"


def load_json_lines(target: Target, source: Source, limit: int | None) -> FileReport:
    """Fill the table with the lines' objects; lines that are none are counted. Raises `MappingError`."""
    path = source.path
    if limit is not None:
        source = _first_lines(target, source, limit)
    lines = source.count_lines()
    _load_objects(target, replace(source, path=source.path), "newline_delimited", limit)
    rows = target.rows()
    examples = _bad_lines(source) if lines > rows else ()
    return FileReport(str(path), "jsonl", rows, lines - rows, examples)


def load_json_array(target: Target, source: Source, limit: int | None) -> FileReport:
    """Fill the table with the objects of one array. Raises `MappingError` for a damaged file."""
    source.count_lines()
    _load_objects(target, source, "array", limit)
    return FileReport(str(source.path), "json", target.rows(), 0)


def _first_lines(target: Target, source: Source, limit: int) -> Source:
    copy = Source(target.scratch / f"{target.table}.jsonl", "jsonl", "none")
    with source.open() as stream, copy.path.open("wb") as out:
        for line in islice((line for line in stream if not line.isspace()), limit):
            out.write(line.rstrip(b"\r\n") + b"\n")
    return copy


def _load_objects(target: Target, source: Source, layout: str, limit: int | None) -> None:
    run = target.connection.execute
    lenient = "true" if layout == "newline_delimited" else "false"
    run(
        f"create or replace table {_OBJECTS} as select json from read_json_objects("
        f"{literal(str(source.path))}, format='{layout}', compression='{source.compression}', "
        f"ignore_errors={lenient}, maximum_object_size={_MAX_OBJECT_BYTES}) "
        f"where json_type(json) = 'OBJECT' {'' if limit is None else f'limit {limit}'}"
    )
    keys = run(f"select distinct unnest(json_keys(json)) from {_OBJECTS}").fetchall()
    columns = _columns(target, source, sorted(name for (name,) in keys))
    run(f"create table {target.table} as select {columns} from {_OBJECTS}")
    run(f"drop table {_OBJECTS}")


def _columns(target: Target, source: Source, names: Sequence[str]) -> str:
    """Objects of one file may name a column differently: the first accepted name that has a value counts."""
    target.choose(source, names)
    texts, used = {}, set()
    for column in target.mapping.columns:
        accepted = [alias.lower() for alias in column.accepted]
        keys = sorted((n for n in names if n.lower() in accepted), key=lambda n: accepted.index(n.lower()))
        used.update(keys)
        values = ", ".join(f"nullif(json_extract_string(json, {literal(_pointer(key))}), '')" for key in keys)
        texts[column.name] = f"coalesce({values})" if keys else ABSENT
    without = literal(msgspec.json.encode(dict.fromkeys(sorted(used))).decode())
    return target.projection(texts, f"json_merge_patch(json, {without})")


def _pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _bad_lines(source: Source) -> tuple[str, ...]:
    with source.open() as stream:
        bad = (line for line in stream if not line.isspace() and not _is_object(line))
        return tuple(f"{shown(line)} (not a JSON object)" for line in islice(bad, _EXAMPLES))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
