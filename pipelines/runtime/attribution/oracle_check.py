"""Comparing the book in Postgres, row by row, with what plain Python makes of the records in Kafka."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from psycopg2.extensions import cursor as Cursor

from pipelines.connectors.kafka_reader import records_between
from pipelines.connectors.ledger import Entry, newest_entry
from pipelines.connectors.names import ATTRIBUTE_ORDERS, Names
from pipelines.connectors.postgres import PostgresAddress, connect
from pipelines.contracts.clock import micros, minute_of
from pipelines.contracts.kafka_record import KafkaRecord
from pipelines.contracts.parsing import RawRecord, Reject
from pipelines.errors import LakeError
from pipelines.gold.attribution.models import all_models
from pipelines.gold.attribution.oracle import AttributionOracle
from pipelines.gold.attribution.touches import MICROS
from pipelines.runtime.attribution.arrivals import Arrived, Cuts, cuts_of, late_orders
from pipelines.runtime.attribution.stored import BOOK, Row, differences, stored_rows
from pipelines.runtime.attribution.truth_check import TruthResult, compare_with_truth
from pipelines.silver.oracle import Oracle
from pipelines.silver.reading import RecordReader

_TABLES = ("silver.orders", "silver.events", "silver.users", "silver.products")
_BY_MESSAGES_ALONE = "fail_count"


@dataclass(frozen=True)
class AttributionResult:
    """`tables`: table → rows expected, rows missing in Postgres, rows that should not be there.

    `late`: orders that are left out, with their minutes, since the daily job has a say in them.
    """

    records: int
    orders: int
    late: int
    tables: Mapping[str, Mapping[str, int]]
    truth: TruthResult | None

    @property
    def holds(self) -> bool:
        """Whether every table is as expected, and every first click the true one."""
        same = all(not one["missing"] and not one["extra"] for one in self.tables.values())
        return same and (self.truth is None or self.truth.holds)

    def as_data(self) -> dict[str, Any]:
        """The result as JSON data."""
        return {
            "holds": self.holds,
            "records": self.records,
            "orders": self.orders,
            "late": self.late,
            "tables": {name: dict(found) for name, found in self.tables.items()},
            "truth": self.truth.as_data() if self.truth else None,
        }


@dataclass(frozen=True)
class _Book:
    """What Postgres held at one moment."""

    entry: Entry
    tables: Mapping[str, list[Row]]
    kept_since: Mapping[str, int]


def compare_attribution(
    reader: RecordReader,
    names: Names,
    *,
    bootstrap: str,
    address: PostgresAddress,
    look_back_seconds: int,
    late_seconds: int,
    settled: bool = False,
    truth: Path | None = None,
) -> AttributionResult:
    """Compare the book with the oracle's, and first clicks with the simulator's file `truth`.

    Reads Kafka from its beginning up to the book's position; holds all rows in memory. What retention
    has removed, other look-backs and fitted models are left out; so are late orders, unless `settled`
    says that all orders were settled when silver had reached that position. Raises `LakeError` before
    the first batch.
    """
    with connect(address, read_only=True) as connection, connection, connection.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read")
        book = _book(cursor)
    given = records_between(bootstrap, {}, book.entry.positions)
    records, arrived = _in_silver(reader, given) if settled else _in_batches(reader, given, cuts_of(names))
    oracle = AttributionOracle(look_back_seconds=look_back_seconds)
    for batch, table, row in arrived:
        oracle.take(table, row, batch=batch)
    watermark = None if book.entry.watermark is None else micros(book.entry.watermark)
    expected = oracle.tables(watermark=watermark)
    late = set[str]()
    if not settled:
        late = late_orders(arrived, look_back_seconds=look_back_seconds, late_seconds=late_seconds)
    compared = _Compared(
        late, book.kept_since, look_back_seconds, [*expected["orders"], *book.tables["orders"]]
    )
    found = {
        table: differences(*(compared.rows(table, some[table]) for some in (expected, book.tables)))
        for table in BOOK
    }
    checked = truth and compare_with_truth(
        truth, book.tables["attributed_orders"], arrived, late=late, look_back_seconds=look_back_seconds
    )
    return AttributionResult(records, len(expected["orders"]), len(late), found, checked or None)


def _book(cursor: Cursor) -> _Book:
    entry = newest_entry(cursor, ATTRIBUTE_ORDERS)
    if entry is None:
        raise LakeError("attribute_orders has no batch yet: there is nothing to compare.")
    cursor.execute("select table_name, kept_since from gold.retention")
    kept_since = {str(name): micros(since) for name, since in cursor}
    return _Book(entry, {table: stored_rows(cursor, table) for table in BOOK}, kept_since)


def _in_silver(reader: RecordReader, records: Iterable[KafkaRecord]) -> tuple[int, list[Arrived]]:
    """How many records, and the rows that they leave in silver: all are known when one is settled."""
    silver, count = Oracle(reader), 0
    for record in records:
        silver.take(record)
        count += 1
    tables = silver.tables()
    return count, [Arrived(0, table, row) for table in _TABLES for row in _plain_rows(tables[table])]


def _plain_rows(table: pa.Table) -> list[Row]:
    """The rows, times in UTC microseconds."""
    times = {field.name for field in table.schema if pa.types.is_timestamp(field.type)}
    plain = {
        name: table[name].cast(pa.int64()) if name in times else table[name] for name in table.column_names
    }
    rows: list[Row] = pa.table(plain).to_pylist()
    return rows


def _in_batches(
    reader: RecordReader, records: Iterable[KafkaRecord], cuts: Cuts
) -> tuple[int, list[Arrived]]:
    """How many records, and their rows, each with the batch of the stream that it came in."""
    found, count = list[Arrived](), 0
    for record in records:
        found += _rows(reader, record, cuts)
        count += 1
    return count, found


def _rows(reader: RecordReader, record: KafkaRecord, cuts: Cuts) -> Iterator[Arrived]:
    given = RawRecord(record.key, record.value, record.headers, record.ingested_at)
    outcome = reader.outcomes(record.topic, [given])[0]
    if isinstance(outcome, Reject):
        return
    where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    batch = cuts.batch_of(record.topic, record.partition, record.offset)
    for table, row in outcome:
        if table in _TABLES:
            yield Arrived(batch, table, {**row, **where, "ingested_at": record.ingested_at})


class _Compared:
    """Which rows can be compared."""

    def __init__(
        self, late: set[str], kept_since: Mapping[str, int], look_back_seconds: int, orders: Sequence[Row]
    ) -> None:
        self._late = late
        self._kept_since = kept_since
        self._look_back = look_back_seconds
        self._models = all_models().keys()
        self._ordered_at = {one["order_id"]: one["ordered_at"] for one in orders}
        self._late_minutes = {minute_of(one["ordered_at"]) for one in orders if one["order_id"] in late}

    def rows(self, table: str, rows: Sequence[Row]) -> list[Row]:
        """Those of the table's rows that the stream alone has to answer for."""
        return [row for row in rows if self._counts(table, row)]

    def _counts(self, table: str, row: Row) -> bool:
        if (
            row.get("order_id") in self._late
            or row.get("look_back_seconds", self._look_back) != self._look_back
        ):
            return False
        if "model" in row and row["model"] not in self._models:
            return False
        if table == "touchpoints":
            return self._is_on_path(row)
        minute = row.get("minute")
        if minute is None:
            return True
        late = table != _BY_MESSAGES_ALONE and minute in self._late_minutes
        return not late and minute >= self._kept_since.get(table, minute)

    def _is_on_path(self, touch: Row) -> bool:
        """Whether it led to the order: the daily job keeps no touch between order and payment."""
        ordered_at: int = self._ordered_at[touch["order_id"]]
        return bool(ordered_at - self._look_back * MICROS <= touch["occurred_at"] <= ordered_at)
