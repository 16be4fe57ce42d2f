"""A lake whose silver holds what a test sends: wire records through the real parser, without Spark."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from pipelines.connectors.delta import ensure_without_spark
from pipelines.connectors.delta_writer import DeltaWriter
from pipelines.connectors.names import CLEAN_SILVER, Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.fields import read_time
from pipelines.contracts.labels import LABELS
from pipelines.contracts.lake import all_tables, record_tables
from pipelines.contracts.parsing import RawRecord
from pipelines.contracts.positions import Coverage
from tests.decided import a_decision
from tests.records import reader_of
from tests.silver.lake_rows import arrow_rows

NOON = 1_772_366_400_000_000
SECOND = 1_000_000
_DAY = 86_400 * SECOND
Row = dict[str, Any]


def at(seconds: float) -> str:
    """Seconds past noon, as records say it."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"2026-03-01T{12 + hours:02d}:{minutes:02d}:{rest:09.6f}Z"


class LogLake:
    """Takes wire records; each arrives half a second after it occurred, in partition 0 of its topic."""

    def __init__(self, folder: Path) -> None:
        self.names = Names.of(var_dir=str(folder), lake=None)
        self.ends: Counter[tuple[str, int]] = Counter()
        self._writer = DeltaWriter(None, self.names)
        self._reader = reader_of()
        self._batches = 0
        for spec in (*record_tables().values(), LABELS):
            ensure_without_spark(spec, self.names.table(spec.name))

    def send(self, *records: tuple[str, Row]) -> None:
        """One batch of silver: the records by topic, in order."""
        rows: defaultdict[str, list[Row]] = defaultdict(list)
        for topic, record in records:
            ingested_at = _micros(record["occurred_at"]) + SECOND // 2
            raw = RawRecord(b"v", json.dumps(record).encode(), (), ingested_at)
            (outcome,) = self._reader.outcomes(topic, [raw])
            offset = self.ends[topic, 0]
            self.ends[topic, 0] += 1
            place = {"topic": topic, "partition": 0, "offset": offset, "ingested_at": ingested_at}
            for table, row in outcome:
                rows[table].append(row | place | {"ingested_date": ingested_at // _DAY})
        coverage = Coverage(CLEAN_SILVER, self._batches, dict(self.ends))
        for table, some in rows.items():
            self._append(table, some, coverage)
        self._batches += 1

    def label(self, *rows: Row) -> None:
        """Rows of `gold.labels`."""
        same = {
            "partition": 0,
            "topic": "clicks",
            "problem_version": 1,
            "horizon_seconds": 3600,
            "slices": {},
        }
        times = {"decided_at": NOON, "known_at": NOON}
        schema = pa.schema([one.remove_metadata() for one in arrow_schema(LABELS)])
        made = pa.Table.from_pylist([same | times | row for row in rows], schema=schema)
        write_deltalake(self.names.table(LABELS.name), made, mode="append")

    def rows(self, table: str) -> list[Row]:
        """All rows, times in UTC microseconds, by place."""
        found = DeltaTable(self.names.table(table)).to_pyarrow_table()
        for number, one in enumerate(found.schema):
            if pa.types.is_timestamp(one.type):
                found = found.set_column(number, one.name, found[one.name].cast(pa.int64()))
        plain: list[Row] = found.sort_by([("topic", "ascending"), ("offset", "ascending")]).to_pylist()
        return plain

    def _append(self, table: str, rows: list[Row], coverage: Coverage) -> None:
        self._writer.append(all_tables()[table], arrow_rows(table, rows), app_id="test", coverage=coverage)


def decided(number: int, seconds: float, **changes: Any) -> tuple[str, Row]:
    """A decision about the checkout at offset `number` of the clicks, `seconds` past noon."""
    made = {"event_id": f"d{number}", "about_event": f"e{number}", "about_offset": number}
    return "decisions", a_decision(**made | {"occurred_at": at(seconds)} | changes)


def asked(number: int, seconds: float, **changes: Any) -> tuple[str, Row]:
    """A decision that a caller asked for."""
    nobody = {"about_event": None, "about_topic": None, "about_partition": None, "about_offset": None}
    return decided(number, seconds, **nobody | {"door": "http"} | changes)


def click(name: str, seconds: float, **changes: Any) -> tuple[str, Row]:
    """A click of visitor v1 in session s1."""
    same = {"event_id": name, "event_type": "page_view", "visitor_id": "v1", "session_id": "s1"}
    return "clicks", same | {"occurred_at": at(seconds)} | changes


def order(name: str, seconds: float, **changes: Any) -> tuple[str, Row]:
    """A paid order of visitor v1 in session s1."""
    same = {"event_id": name, "order_id": name, "status": "paid", "visitor_id": "v1", "session_id": "s1"}
    lines = [{"product_id": "p1", "quantity": 1}]
    return "orders", same | {"occurred_at": at(seconds), "lines": lines} | changes


def _micros(text: str) -> int:
    return read_time(text, "occurred_at")
