"""The parser over Arrow batches: bronze records in, silver rows and dead letters out. No Spark in here.

Of each row there is an *envelope*: its table, its position and, of every event and order, what
deduplication needs: which record it is, what it says and whom it names. `parse_batch` gives rows and
envelopes apart; `ArrowParser` gives them as one wide record, the row in the struct column named
after its table, for where rows have to pass through Spark.
"""

import gc
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts.arrow import arrow_schema, arrow_type
from pipelines.contracts.fingerprint import record_key
from pipelines.contracts.lake import DEAD_LETTERS, IDENTITIES, silver_tables
from pipelines.contracts.parsing import RawRecord, Reject, Row
from pipelines.contracts.tables import POSITION_COLUMNS, TIMESTAMP, TableSpec
from pipelines.contracts.topics import all_topics
from pipelines.silver.reading import RecordReader, Rows

PREVIEWS_PER_TABLE = 3
_PREVIEW_BYTES = 300
_POSITION = tuple(column.name for column in POSITION_COLUMNS)
_RAW = ("key", "value", "headers")
_SUBJECT = ("visitor_id", "user_id", "event_id", "occurred_at", "known_at", "fingerprint")
ENVELOPE = ("table", "reason", *_POSITION, "record_key", "link_key", *_SUBJECT, "preview")
KEYED_TABLES = tuple(spec.name for spec in silver_tables().values() if "fingerprint" in spec.column_names)
"""The tables whose records have an id of their own, and are deduplicated."""
LINKING_TABLES = frozenset(topic.table for topic in all_topics().values() if topic.links)
"""The tables whose records say which visitor is which user."""
_TYPES = dict.fromkeys(ENVELOPE, pa.string()) | {
    **{column.name: arrow_type(column.type) for column in POSITION_COLUMNS},
    **dict.fromkeys(("record_key", "link_key"), pa.binary()),
    **dict.fromkeys(("occurred_at", "known_at"), arrow_type(TIMESTAMP)),
    "fingerprint": pa.int64(),
}


def parsed_tables() -> dict[str, TableSpec]:
    """The tables a parsed record may belong to, by the name of their struct column."""
    specs = (*silver_tables().values(), DEAD_LETTERS)
    return {spec.name.partition(".")[2]: spec for spec in specs}


def parsed_schema() -> pa.Schema:
    """Arrow schema of parsed records: the envelope, then one struct a table."""
    fields = [pa.field(name, _TYPES[name]) for name in ENVELOPE]
    fields += [pa.field(name, arrow_type(spec.schema())) for name, spec in parsed_tables().items()]
    return pa.schema(fields)


@dataclass
class _Parsed:
    """Rows of one table, and the place of the record in the batch that each was made from."""

    rows: list[Row] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)


class ArrowParser:
    """Callable for `mapInArrow` that gives parsed records, one output batch a table that has rows."""

    def __init__(self, reader: RecordReader) -> None:
        self._reader = reader

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Parsed records of the batches."""
        schema = parsed_schema()
        for batch in batches:
            for table, envelope, rows in parse_batch(batch, self._reader):
                columns = dict(zip(ENVELOPE, envelope.columns, strict=True))
                columns[table.partition(".")[2]] = rows.to_struct_array()
                nulls = {one.name: pa.nulls(rows.num_rows, one.type) for one in schema}
                arrays = [columns.get(name, nulls[name]).cast(schema.field(name).type) for name in nulls]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def parse_batch(
    batch: pa.RecordBatch, reader: RecordReader
) -> list[tuple[str, pa.RecordBatch, pa.RecordBatch]]:
    """Table, envelope and rows (in the table's columns) of each table that the batch has rows of."""
    with no_collection():
        tables = _parse(batch, reader)
        found = [(table, *_to_batches(table, parsed, batch)) for table, parsed in tables.items()]
        del tables
    return found


def _parse(batch: pa.RecordBatch, reader: RecordReader) -> dict[str, _Parsed]:
    tables: dict[str, _Parsed] = defaultdict(_Parsed)
    for topic, (sources, records) in records_by_topic(batch).items():
        for source, outcome in zip(sources, reader.outcomes(topic, records), strict=True):
            rows = _dead_letter(outcome) if isinstance(outcome, Reject) else outcome
            for table, row in rows:
                parsed = tables[table]
                parsed.rows.append(row)
                parsed.sources.append(source)
    return tables


@contextmanager
def no_collection() -> Iterator[None]:
    """A time in which Python looks for no garbage: millions of small objects live, none in a cycle.

    Looking for it took a third of all CPU.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _dead_letter(reject: Reject) -> Rows:
    return [(DEAD_LETTERS.name, reject._asdict())]


def records_by_topic(batch: pa.RecordBatch) -> dict[str, tuple[list[int], list[RawRecord]]]:
    """Topic → the places of its records in the batch, and the records themselves."""
    topics = batch.column("topic").to_pylist()
    micros = batch.column("ingested_at").cast(pa.int64()).to_pylist()
    keys, values = batch.column("key").to_pylist(), batch.column("value").to_pylist()
    grouped: dict[str, tuple[list[int], list[RawRecord]]] = defaultdict(lambda: ([], []))
    raw = map(RawRecord, keys, values, _headers(batch), micros)
    for source, (topic, record) in enumerate(zip(topics, raw, strict=True)):
        sources, records = grouped[topic]
        sources.append(source)
        records.append(record)
    return grouped


def _headers(batch: pa.RecordBatch) -> list[list[tuple[str, bytes | None]]]:
    """The headers of each record, as pairs."""
    headers = batch.column("headers")
    if not pc.sum(pc.list_value_length(headers)).as_py():
        return [[]] * len(headers)
    return [[(one["key"], one["value"]) for one in some or ()] for some in headers.to_pylist()]


def _to_batches(table: str, parsed: _Parsed, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    rows = parsed.rows
    sources = pa.array(parsed.sources, pa.int32())
    given = {name: batch.column(name).take(sources) for name in (*_POSITION, *_RAW)}
    columns: dict[str, pa.Array] = {name: given[name] for name in _POSITION}
    columns["table"] = pa.array([table] * len(rows), pa.string())
    if table == DEAD_LETTERS.name:
        columns["reason"] = _values(rows, "reason", pa.string())
    if table in KEYED_TABLES:
        columns |= _identity(table, rows, given)
    columns["preview"] = _previews(rows, given)
    nothing = pa.nulls(len(rows))
    envelope = [columns.get(name, nothing).cast(kind) for name, kind in _TYPES.items()]
    schema = _row_schemas()[table]
    own = [
        given[one.name].cast(one.type) if one.name in given else _values(rows, one.name, one.type)
        for one in schema
    ]
    return (
        pa.RecordBatch.from_arrays(envelope, names=list(_TYPES)),
        pa.RecordBatch.from_arrays(own, schema=schema),
    )


@cache
def _row_schemas() -> dict[str, pa.Schema]:
    return {spec.name: arrow_schema(spec) for spec in parsed_tables().values()}


def _identity(table: str, rows: Sequence[Row], given: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """Which record each row is, what it says, whom it names. Of an order's lines the first speaks for all."""
    topics, partitions = given["topic"].to_pylist(), given["partition"].to_pylist()
    keys: list[bytes | None] = []
    links: list[bytes | None] = []
    is_linking = table in LINKING_TABLES
    for topic, partition, row in zip(topics, partitions, rows, strict=True):
        first, visitor, user = row.get("line_number", 1) == 1, row["visitor_id"], row["user_id"]
        keys.append(record_key(f"{topic}/{partition}", table, visitor, row["event_id"]) if first else None)
        named = first and is_linking and user is not None
        links.append(record_key("", IDENTITIES.name, visitor, user) if named else None)
    said = {name: _values(rows, name, _TYPES[name]) for name in _SUBJECT}
    return said | {"record_key": pa.array(keys, pa.binary()), "link_key": pa.array(links, pa.binary())}


def _values(rows: Sequence[Row], name: str, kind: pa.DataType) -> pa.Array:
    values = list(map(itemgetter(name), rows))
    return pa.array(values, pa.int64()).cast(kind) if pa.types.is_timestamp(kind) else pa.array(values, kind)


def _previews(rows: Sequence[Row], given: dict[str, pa.Array]) -> pa.Array:
    shown = range(max(0, len(rows) - PREVIEWS_PER_TABLE), len(rows))
    texts: list[str | None] = [None] * len(rows)
    micros = pc.cast(given["ingested_at"], pa.int64())
    for place in shown:
        position = {name: given[name][place].as_py() for name in ("topic", "partition", "offset")}
        position["ingested_at"] = micros[place].as_py()
        texts[place] = _preview(position | rows[place], given["value"][place].as_py())
    return pa.array(texts, pa.string())


def _preview(row: Row, value: bytes | None) -> str:
    shown = {name: content for name, content in row.items() if content is not None}
    shown.pop("fingerprint", None)
    if "reason" in row:
        shown["value_bytes"] = len(value or b"")
        shown["value"] = (value or b"")[:_PREVIEW_BYTES].decode(errors="replace")
    return msgspec.json.encode(shown).decode()


def letter_previews(letters: pa.Table) -> list[tuple[str, str]]:
    """A few dead letters that deduplication made, as JSON."""
    shown = letters.slice(max(0, letters.num_rows - PREVIEWS_PER_TABLE))
    micros = pc.cast(shown["ingested_at"], pa.int64()).to_pylist()
    hidden = {"key", "headers", "ingested_date", "value"}
    found = []
    for row, ingested_at in zip(shown.to_pylist(), micros, strict=True):
        plain = {name: content for name, content in row.items() if name not in hidden}
        found.append((DEAD_LETTERS.name, _preview(plain | {"ingested_at": ingested_at}, row["value"])))
    return found
