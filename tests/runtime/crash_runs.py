"""A lake that is fed, crashed and run again on a real broker, and what must be true of it at rest."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from pipelines.connectors.kafka import Producer, ensure_topics, planned_topics
from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE, Names
from pipelines.runtime.failpoints import arm, fired
from pipelines.runtime.reading import record_reader
from pipelines.runtime.streams.driver import ensure_lake
from pipelines.runtime.streams.oracle_check import compare_with_oracle
from pipelines.runtime.streams.queries.clean_silver import clean_silver
from pipelines.runtime.streams.queries.land_bronze import land_bronze
from pipelines.runtime.streams.streaming import StreamSpec, start_stream
from pipelines.settings import Stream, TableStream, load_settings
from tests.records import CLICK, ORDER

MEBI = 1024 * 1024
_SECONDS = 60


class Silent:
    """Metrics of a run nobody watches."""

    def record(self, report):
        """Forget it."""


def bound_topic(bootstrap: str) -> str:
    """A new topic of the test's own, for the mapping `attribution`."""
    name = f"shop_{uuid.uuid4().hex[:8]}"
    ensure_topics(bootstrap, planned_topics([name]), partitions=2, max_message_bytes=8 * MEBI)
    return name


def bindings(topic: str) -> str:
    """The setting that binds the topic."""
    return f"bindings=[{{topic: {topic}, mapping: attribution}}]"


def feed(bootstrap: str, bound: str) -> str:
    """Send records of which every silver table and dead letter gets some; the visitor they are of."""
    visitor = uuid.uuid4().hex
    now = datetime.now(UTC).isoformat()
    click = {**CLICK, "visitor_id": visitor, "user_id": f"of {visitor}", "occurred_at": now}
    order = {**ORDER, "visitor_id": visitor, "occurred_at": now}
    shop_click = {"Click_ID": 1, "User_ID": visitor, "Click_time": now, "Source": "Tiktok"}
    purchase = {"Purchase_ID": 1, "Product_ID": 205, "Quantity": 1, "Payment_status": "success"}
    sent = [
        *(("clicks", {**click, "event_id": f"e{n}"}) for n in range(5)),
        ("clicks", {**click, "event_id": "e1"}),
        ("clicks", {**click, "event_id": "e1", "brand": "other"}),
        ("orders", order),
        ("orders", order),
        ("clicks", b"{"),
        ("users", None),
        (bound, shop_click),
        (bound, {**shop_click, **purchase, "User_ID": visitor, "Purchase_time": now}),
        (bound, {"neither": "click nor purchase"}),
    ]
    with Producer(bootstrap, max_message_bytes=8 * MEBI) as producer:
        for topic, value in sent:
            encoded = json.dumps(value).encode() if isinstance(value, dict) else value
            producer.send(topic, key=visitor.encode(), value=encoded)
        producer.flush()
    return visitor


@dataclass
class CrashLake:
    """One lake and its two queries."""

    spark: SparkSession
    names: Names
    bootstrap: str
    bound: str

    def __post_init__(self) -> None:
        self._reader = record_reader(load_settings(overrides=[bindings(self.bound)]))
        ensure_lake(self.spark, self.names)

    def feed(self) -> None:
        """Send some more records of every kind."""
        feed(self.bootstrap, self.bound)

    def run(self, *queries: str, failpoints: Sequence[str] = ()) -> None:
        """Let the queries read all there is, one after the other. Raises what ends one."""
        arm(failpoints, ledger=self.names.failpoint_ledger)
        for query in queries or (LAND_BRONZE, CLEAN_SILVER):
            stream = start_stream(self.spark, self._spec(query), self.names, Silent(), available_now=True)
            assert stream.query.awaitTermination(_SECONDS), f"{query} does not end"

    def crash(self, query: str, point: str) -> None:
        """Run the query until it dies at the point, and see that it did."""
        armed = f"{query}.{point}@1=raise"
        self.names.failpoint_ledger.unlink(missing_ok=True)
        with pytest.raises(StreamingQueryException, match="failpoint"):
            self.run(query, failpoints=[armed])
        assert fired(self.names.failpoint_ledger) == [armed]

    def assert_sound(self) -> None:
        """Every table is the oracle's row for row, up to the last record that Kafka holds."""
        assert self.row_counts("bronze.records") == self.compared()

    def compared(self) -> int:
        """Compare all tables with the oracle; how many of Kafka's records that took."""
        result = compare_with_oracle(self._reader, self.names, bootstrap=self.bootstrap)
        assert result.holds, result.tables
        return result.records

    def row_counts(self, table: str) -> int:
        """How many rows a table has."""
        return int(LakeReader(self.names).rows(f"select count(*) as n from {table}")[0]["n"])

    def forget_last_batch(self, query: str) -> int:
        """Take away the checkpoint's note that the last batch is done; its number."""
        commits = Path(self.names.checkpoint(query)) / "commits"
        last = max(int(path.name) for path in commits.iterdir() if path.name.isdigit())
        (commits / str(last)).unlink()
        (commits / f".{last}.crc").unlink(missing_ok=True)
        return last

    def lose_last_commit(self, table: str) -> None:
        """Take away the newest commit of a table, as if its write had never reached the disk."""
        log = Path(self.names.table(table)) / "_delta_log"
        last = max(path.stem for path in log.glob("*.json"))
        for path in (*log.glob(f"{last}.*"), *log.glob(f".{last}.*")):
            path.unlink()
        self.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()

    def _spec(self, query: str) -> StreamSpec:
        if query == LAND_BRONZE:
            pace = Stream(trigger_seconds=1, max_records=100_000)
            return land_bronze(
                self.spark, self.names, bootstrap=self.bootstrap, bound=[self.bound], stream=pace
            )
        return clean_silver(
            self.spark, self.names, reader=self._reader, stream=TableStream(trigger_seconds=1, max_mib=32)
        )
