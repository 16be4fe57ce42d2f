"""What earlier runs of `clean_silver` have decided, read back from its tables."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import reduce
from operator import or_

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from pipelines.connectors.delta import read_since
from pipelines.connectors.names import Names
from pipelines.contracts.fingerprint import record_key
from pipelines.contracts.lake import DUPLICATES, IDENTITIES
from pipelines.silver.arrow_parser import KEYED_TABLES
from pipelines.silver.deduplication import HOUR
from pipelines.silver.keyed_batch import First, Place

_PLACE = ["topic", "partition", "offset", "ingested_at"]


class SilverHistory:
    """The history that a `Deduplicator` asks for, from the lake's tables."""

    def __init__(self, spark: SparkSession, names: Names) -> None:
        self._spark = spark
        self._names = names

    def records(self, firsts: Mapping[Place, First], *, bound: int) -> pa.Table:
        """Records before each first one and at most `bound` microseconds older, but no dead letters."""
        since = {place: first.ingested_at - bound for place, first in firsts.items()}
        parts = []
        for table in (*KEYED_TABLES, DUPLICATES.name):
            said_by = "record_table" if table == DUPLICATES.name else None
            columns = [*_PLACE, "visitor_id", "event_id", "fingerprint", *([said_by] if said_by else [])]
            rows = self._read(table, columns, since, firsts)
            tables = rows[said_by].to_pylist() if said_by else [table] * rows.num_rows
            names = ("topic", "partition", "visitor_id", "event_id")
            subjects = zip(*(rows[name].to_pylist() for name in names), strict=True)
            keys = [
                record_key(f"{topic}/{partition}", its_table, visitor, event)
                for its_table, (topic, partition, visitor, event) in zip(tables, subjects, strict=True)
            ]
            kept = rows.select([*_PLACE, "fingerprint"])
            parts.append(kept.append_column("record_key", pa.array(keys, pa.binary())))
        return pa.concat_tables(parts)

    def links(self, firsts: Mapping[Place, First]) -> pa.Table:
        """Identities since the hour of each first record."""
        since = {place: first.ingested_at // HOUR * HOUR for place, first in firsts.items()}
        rows = self._read(IDENTITIES.name, [*_PLACE, "visitor_id", "user_id", "seen_hour"], since, firsts)
        pairs = zip(rows["visitor_id"].to_pylist(), rows["user_id"].to_pylist(), strict=True)
        keys = [record_key("", IDENTITIES.name, visitor, user) for visitor, user in pairs]
        return (
            rows.select(["topic", "partition", "offset"])
            .append_column("link_key", pa.array(keys, pa.binary()))
            .append_column("hour", pc.cast(rows["seen_hour"], pa.int64()))
        )

    def _read(
        self, table: str, columns: list[str], since: Mapping[Place, int], firsts: Mapping[Place, First]
    ) -> pa.Table:
        """Rows of the partitions before their first record, and not older than `since` (UTC microseconds)."""
        oldest = datetime.fromtimestamp(min(since.values()) // 1_000_000, UTC)
        rows = read_since(self._spark, self._names.table(table), columns, since=oldest)
        before = (_before(place, first, since[place]) for place, first in firsts.items())
        return rows.filter(reduce(or_, before))


def _before(place: Place, first: First, since: int) -> pc.Expression:
    """Which rows lie before the first one of a partition, and not before `since` (UTC microseconds)."""
    topic, partition = place
    here = (pc.field("topic") == topic) & (pc.field("partition") == partition)
    return here & (pc.field("offset") < first.offset) & (pc.field("ingested_at").cast(pa.int64()) >= since)
