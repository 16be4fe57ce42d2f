"""Comparing the lake, row by row, with what plain Python makes of the records in Kafka."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipelines.connectors.kafka_reader import records_between
from pipelines.connectors.lake_reader import LakeReader, covered
from pipelines.connectors.names import CLEAN_SILVER, Names
from pipelines.contracts.positions import Vector
from pipelines.errors import LakeError
from pipelines.runtime.streams.queries.clean_silver import WRITTEN
from pipelines.silver.oracle import Oracle
from pipelines.silver.reading import RecordReader


@dataclass(frozen=True)
class OracleResult:
    """`tables`: table → rows expected, rows missing in the lake, rows that should not be there."""

    records: int
    tables: Mapping[str, Mapping[str, int]]

    @property
    def holds(self) -> bool:
        """Whether every table is as expected."""
        return all(not one["missing"] and not one["extra"] for one in self.tables.values())

    def as_data(self) -> dict[str, Any]:
        """The result as JSON data."""
        tables = {name: dict(found) for name, found in self.tables.items()}
        return {"holds": self.holds, "records": self.records, "tables": tables}


def compare_with_oracle(
    reader: RecordReader, names: Names, *, bootstrap: str, since: Vector | None = None
) -> OracleResult:
    """Compare all tables below silver's position, and from `since` on, with the oracle's.

    Reads Kafka from its beginning: what it has deleted or compacted counts as not expected. Holds
    the expected rows in memory, about 2 KB a record. Raises `LakeError` before the first batch.
    """
    ends = covered(names, WRITTEN, query=CLEAN_SILVER)
    if not ends:
        raise LakeError("silver has no batch yet: there is nothing to compare.")
    oracle, count = Oracle(reader), 0
    for record in records_between(bootstrap, {}, ends):
        oracle.take(record)
        count += 1
    lake = LakeReader(names)
    lake.lend("ends", _as_table(since or {}, ends))
    tables = {}
    for name, rows in oracle.tables().items():
        lake.lend("expected", rows)
        tables[name] = _differences(lake, name, rows.column_names)
    return OracleResult(count, tables)


def _as_table(since: Vector, ends: Vector) -> pa.Table:
    topics, partitions = zip(*ends, strict=True)
    starts = [since.get(place, 0) for place in ends]
    columns = [pa.array(topics), pa.array(partitions), pa.array(starts), pa.array(ends.values())]
    return pa.table(columns, names=["topic", "partition", "from_offset", "until_offset"])


def _differences(lake: LakeReader, table: str, names: list[str]) -> dict[str, int]:
    """How many rows of the lent table `expected` the lake's table lacks, and has beside them."""
    columns = ", ".join(f't."{name}"' for name in names)
    within = """semi join ends on ends.topic = t.topic and ends.partition = t.partition
        and t."offset" >= ends.from_offset and t."offset" < ends.until_offset"""
    expected = f"select {columns} from expected t {within}"  # noqa: S608 - declared names
    found = f"select {columns} from {table} t {within}"  # noqa: S608 - declared names

    def count(rows: str) -> int:
        return int(lake.rows(f"select count(*) as n from ({rows})")[0]["n"])  # noqa: S608 - as above

    return {
        "rows": count(expected),
        "missing": count(f"{expected} except all {found}"),
        "extra": count(f"{found} except all {expected}"),
    }
