"""The lake's silver tables by plain Python: one record after the other, nothing clever.

What streams, crashes and restarts have left must equal this, row for row. It shares the reading of
a record with the stream and nothing else: fates are decided with dictionaries that forget nothing.
"""

from collections import defaultdict
from operator import itemgetter
from typing import Any, NamedTuple

import pyarrow as pa

from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.lake import (
    BRONZE,
    DEAD_LETTERS,
    DUPLICATES,
    IDENTITIES,
    POSITION_KEY,
    record_tables,
)
from pipelines.contracts.parsing import RawRecord, Reject, Row
from pipelines.contracts.topics import all_topics
from pipelines.silver.deduplication import DUPLICATE_BOUND, HOUR
from pipelines.silver.reading import RecordReader, Rows

_LINKING = {topic.table for topic in all_topics().values() if topic.links}
_MICROS_PER_DAY = 86_400_000_000
_CHUNK = 20_000


class _Standing(NamedTuple):
    """The latest record of an id that was no dead letter."""

    offset: int
    ingested_at: int
    fingerprint: int


class Oracle:
    """Takes records, each partition's in the order of offsets, and gives the tables they make."""

    def __init__(self, reader: RecordReader) -> None:
        self._reader = reader
        self._rows: dict[str, list[Row]] = defaultdict(list)
        self._chunks: dict[str, list[pa.Table]] = defaultdict(list)
        self._standing: dict[tuple[Any, ...], _Standing] = {}
        self._named: set[tuple[Any, ...]] = set()

    def take(self, record: KafkaRecord) -> None:
        """Add what the record makes to the tables."""
        raw = {"key": record.key, "value": record.value, "headers": _as_structs(record)}
        position = _position(record)
        self._add(BRONZE.name, position | raw)
        given = RawRecord(record.key, record.value, record.headers, record.ingested_at)
        outcome = self._reader.outcomes(record.topic, [given])[0]
        outcome = outcome if isinstance(outcome, Reject) else self._judged(record, outcome)
        if isinstance(outcome, Reject):
            self._add(DEAD_LETTERS.name, position | outcome._asdict() | raw)
            return
        for table, row in outcome:
            self._add(table, row | position)

    def tables(self) -> dict[str, pa.Table]:
        """Table → its rows."""
        for table in list(self._rows):
            self._pack(table)
        return {
            name: pa.concat_tables(self._chunks[name])
            if self._chunks[name]
            else arrow_schema(spec).empty_table()
            for name, spec in record_tables().items()
        }

    def _judged(self, record: KafkaRecord, rows: Rows) -> Rows | Reject:
        """The rows that stay of a record that can be read: all, a duplicate's, or none."""
        keyed = [(table, row) for table, row in rows if row.get("line_number", 1) == 1 and "event_id" in row]
        keyed.sort(key=itemgetter(0))
        if not keyed:
            return rows
        ids = [(record.topic, record.partition, t, row["visitor_id"], row["event_id"]) for t, row in keyed]
        fingerprint = keyed[0][1]["fingerprint"]
        known = [self._standing[one] for one in ids if one in self._standing]
        known = [one for one in known if one.ingested_at >= record.ingested_at - DUPLICATE_BOUND]
        others = [one.offset for one in known if one.fingerprint != fingerprint]
        if others:
            detail = f"offset {max(others)} has other content"
            return Reject("deduplicate", "conflicting_id", "event_id", detail)
        for one in ids:
            self._standing[one] = _Standing(record.offset, record.ingested_at, fingerprint)
        if known:
            repeats = {"repeats_offset": max(one.offset for one in known)}
            return [(DUPLICATES.name, {**row, "record_table": table, **repeats}) for table, row in keyed]
        return [*rows, *self._identities(record, [row for table, row in keyed if table in _LINKING])]

    def _identities(self, record: KafkaRecord, rows: list[Row]) -> Rows:
        found: Rows = []
        hour = record.ingested_at // HOUR * HOUR
        for row in rows:
            name = (record.topic, record.partition, row["visitor_id"], row["user_id"], hour)
            if row["user_id"] is not None and name not in self._named:
                self._named.add(name)
                found.append((IDENTITIES.name, {**row, "seen_hour": hour}))
        return found

    def _add(self, table: str, row: Row) -> None:
        rows = self._rows[table]
        rows.append(row)
        if len(rows) >= _CHUNK:
            self._pack(table)

    def _pack(self, table: str) -> None:
        rows, schema = self._rows[table], arrow_schema(record_tables()[table])
        columns = [pa.array([row.get(name) for row in rows], _plain(schema, name)) for name in schema.names]
        cast = [values.cast(schema.field(n).type) for n, values in zip(schema.names, columns, strict=True)]
        self._chunks[table].append(pa.table(cast, schema=schema))
        rows.clear()


def _position(record: KafkaRecord) -> Row:
    """The columns that say where and when the record arrived."""
    where = dict(zip(POSITION_KEY, (record.topic, record.partition, record.offset), strict=True))
    day = record.ingested_at // _MICROS_PER_DAY
    return where | {"ingested_at": record.ingested_at, "ingested_date": day}


def _as_structs(record: KafkaRecord) -> list[dict[str, Any]] | None:
    """The headers as bronze holds them: null when there are none, as Spark reads Kafka."""
    return [{"key": key, "value": value} for key, value in record.headers] or None


def _plain(schema: pa.Schema, name: str) -> pa.DataType:
    """The type of a column's plain Python values: times and days are integers."""
    kind = schema.field(name).type
    if pa.types.is_timestamp(kind):
        return pa.int64()
    return pa.int32() if pa.types.is_date32(kind) else kind
