"""The parser over Arrow batches: bronze records in, parsed records out. No Spark in here.

A parsed record is one silver row or one dead letter. It carries its table, its position, and the
row in the struct column named after the table; the other struct columns are null. So one pass over
bronze feeds every silver table.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from pipelines.contracts.arrow import arrow_type
from pipelines.contracts.lake import DEAD_LETTERS, silver_tables
from pipelines.contracts.parsing import KNOWN_AT_HEADER, RawRecord, Reject, Row, parse_record
from pipelines.contracts.tables import TableSpec
from pipelines.contracts.topics import all_topics
from pipelines.contracts.translation import Translator

PREVIEWS_PER_TABLE = 3
_PREVIEW_BYTES = 300
_POSITION = ("topic", "partition", "offset", "ingested_at", "ingested_date")
_ENVELOPE = ("table", "reason", *_POSITION, "preview")
_MICROS_PER_DAY = 86_400_000_000


def parsed_tables() -> dict[str, TableSpec]:
    """The tables a parsed record may belong to, by the name of their struct column."""
    specs = (*silver_tables().values(), DEAD_LETTERS)
    return {spec.name.partition(".")[2]: spec for spec in specs}


def parsed_schema() -> pa.Schema:
    """Arrow schema of parsed records: the envelope, then one struct a table."""
    envelope = DEAD_LETTERS.schema()
    fields = [pa.field("table", pa.string()), pa.field("reason", pa.string())]
    fields += [pa.field(name, arrow_type(envelope[name].dataType)) for name in _POSITION]
    fields.append(pa.field("preview", pa.string()))
    fields += [pa.field(name, arrow_type(spec.schema())) for name, spec in parsed_tables().items()]
    return pa.schema(fields)


class ArrowParser:
    """Callable for `mapInArrow`. `translators` translate the messages of bound topics."""

    def __init__(self, translators: Mapping[str, Translator]) -> None:
        self._translators = dict(translators)

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Parsed records of the batches, one output batch a table that has rows."""
        schema, tables = parsed_schema(), parsed_tables()
        by_name = {spec.name: name for name, spec in tables.items()}
        for batch in batches:
            rows: dict[str, list[Row]] = defaultdict(list)
            for topic, records in _by_topic(batch).items():
                self._parse_topic(topic, records, rows)
            for table, parsed in rows.items():
                yield _to_batch(table, by_name[table], parsed, schema)

    def _parse_topic(self, topic: str, records: list[Row], rows: dict[str, list[Row]]) -> None:
        translator = self._translators.get(topic)
        if translator is None:
            spec = all_topics()[topic]
            for record in records:
                _add(record, spec.table, parse_record(_raw(record), spec), rows)
            return
        for record, translated in zip(records, translator([r["value"] for r in records]), strict=True):
            for table, outcome in _parse_translated(record, translated):
                _add(record, table, outcome, rows)


def _parse_translated(record: Row, translated: Any) -> list[tuple[str, list[Row] | Reject]]:
    """Outcomes of one bound message: all its rows, or the first reject alone."""
    if isinstance(translated, Reject):
        return [(DEAD_LETTERS.name, translated)]
    outcomes: list[tuple[str, list[Row] | Reject]] = []
    for topic, value, known_at in translated:
        headers = record["headers"] or ()
        if known_at is not None:
            headers = (*headers, {"key": KNOWN_AT_HEADER, "value": known_at.encode()})
        raw = _raw({**record, "value": value, "headers": headers})
        spec = all_topics()[topic]
        outcome = parse_record(raw, spec)
        if isinstance(outcome, Reject):
            return [(DEAD_LETTERS.name, outcome)]
        outcomes.append((spec.table, outcome))
    return outcomes


def _by_topic(batch: pa.RecordBatch) -> dict[str, list[Row]]:
    micros = batch.column("ingested_at").cast(pa.int64()).to_pylist()
    names = ("topic", "partition", "offset", "key", "value", "headers")
    columns = [batch.column(name).to_pylist() for name in names]
    grouped: dict[str, list[Row]] = defaultdict(list)
    for moment, *values in zip(micros, *columns, strict=True):
        record = dict(zip(names, values, strict=True))
        record["ingested_at"] = moment
        record["ingested_date"] = moment // _MICROS_PER_DAY
        grouped[record["topic"]].append(record)
    return grouped


def _raw(record: Row) -> RawRecord:
    headers = [(h["key"], h["value"]) for h in record["headers"] or ()]
    return RawRecord(record["key"], record["value"], headers, record["ingested_at"])


def _add(record: Row, table: str, outcome: list[Row] | Reject, rows: dict[str, list[Row]]) -> None:
    if isinstance(outcome, Reject):
        rows[DEAD_LETTERS.name].append({**record, **outcome._asdict()})
        return
    position = {name: record[name] for name in _POSITION}
    for row in outcome:
        row.update(position)
        rows[table].append(row)


def _to_batch(table: str, struct: str, rows: list[Row], schema: pa.Schema) -> pa.RecordBatch:
    arrays = []
    previews: list[str | None] = [None] * len(rows)
    previews[-PREVIEWS_PER_TABLE:] = [_preview(row) for row in rows[-PREVIEWS_PER_TABLE:]]
    for field in schema:
        if field.name == "table":
            arrays.append(pa.array([table] * len(rows), field.type))
        elif field.name == "preview":
            arrays.append(pa.array(previews, field.type))
        elif field.name in _ENVELOPE:
            arrays.append(_column(rows, field))
        elif field.name == struct:
            children = [_column(rows, child) for child in field.type]
            arrays.append(pa.StructArray.from_arrays(children, fields=list(field.type)))
        else:
            arrays.append(pa.nulls(len(rows), field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _column(rows: list[Row], field: pa.Field) -> pa.Array:
    values = [row.get(field.name) for row in rows]
    if pa.types.is_timestamp(field.type):
        return pa.array(values, pa.int64()).cast(field.type)
    if pa.types.is_date32(field.type):
        return pa.array(values, pa.int32()).cast(field.type)
    return pa.array(values, field.type)


def _preview(row: Row) -> str:
    shown = {name: value for name, value in row.items() if value is not None}
    if "value" in shown:
        shown["value_bytes"] = len(shown["value"])
        shown["value"] = shown["value"][:_PREVIEW_BYTES].decode(errors="replace")
    for name in ("headers", "key", "ingested_date"):
        shown.pop(name, None)
    return msgspec.json.encode(shown).decode()
