"""The query that credits orders: fed, crashed and run again, and what must be true of it at rest."""

import json
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.errors import StreamingQueryException

from pipelines.connectors.kafka import Producer, end_offsets
from pipelines.connectors.kafka_reader import records_between
from pipelines.connectors.kafka_topic import BATCH_HEADER
from pipelines.connectors.names import ATTRIBUTE_ORDERS, CHECKOUTS_TOPIC, Names
from pipelines.connectors.postgres import connect
from pipelines.contracts.clock import micros
from pipelines.runtime.attribution.oracle_check import AttributionResult, compare_attribution
from pipelines.runtime.attribution.stored import differences, stored_rows
from pipelines.runtime.failpoints import arm, fired
from pipelines.runtime.reading import record_reader
from pipelines.runtime.streams.queries.attribute_orders import attribute_orders
from pipelines.runtime.streams.site import Site
from pipelines.runtime.streams.streaming import start_stream
from pipelines.settings import load_settings
from tests.records import CLICK
from tests.runtime.crash_runs import MEBI, Silent, bindings

_SECONDS = 60
_KEYS = ("order_id", "visitor_id", "event_id")


class CrashBook:
    """One book, its lake, and the query that fills both."""

    def __init__(self, spark, names: Names, services, address, bound: str) -> None:
        settings = load_settings(overrides=[bindings(bound)])
        endpoint = replace(services.postgres, database=address.database)
        self._site = Site(
            spark, settings, names, replace(services, postgres=endpoint), record_reader(settings)
        )
        self._address, self._bound, self._visitor = address, bound, ""

    def feed(self) -> None:
        """Send clicks and orders of a new visitor, and what becomes of the visitor's before."""
        before, self._visitor = self._visitor, uuid.uuid4().hex
        self._now = datetime.now(UTC)
        since = {"occurred_at": self._at(300)}
        priced = {"product_id": self._visitor, "price_minor": 1000, "commission_bp": 500}
        versions = [
            ("users", {"user_id": f"of {self._visitor}", "level": "GOLD", "gender": "f", **since}),
            ("products", {**priced, **since}),
        ]
        clicks = [
            ("clicks", self._click(f"e{n}", source=source, ago=60 - n))
            for n, source in enumerate(["google", "letter", "google", None])
        ]
        self._send(versions)
        self._send([*clicks, clicks[0], *self._orders("o", ["placed", "payment_failed", "paid", "paid"])])
        self._send([(self._bound, self._purchase()), ("orders", b"{")])
        if before:
            self._visitor, new = before, self._visitor
            self._send(
                [
                    *self._orders("o", ["refunded"], begin=7),
                    ("clicks", self._click("e9", source="late", ago=90)),
                ]
            )
            self._visitor = new

    def run(self, failpoints: Sequence[str] = ()) -> None:
        """Let the query read all there is. Raises what ends it."""
        arm(failpoints, ledger=self._site.names.failpoint_ledger)
        spec = attribute_orders(self._site)
        stream = start_stream(self._site.spark, spec, self._site.names, Silent(), available_now=True)
        assert stream.query.awaitTermination(_SECONDS), "the query does not end"

    def crash(self, point: str) -> None:
        """Run the query until it dies at the point, and see that it did."""
        armed = f"{ATTRIBUTE_ORDERS}.{point}@1=raise"
        self._site.names.failpoint_ledger.unlink(missing_ok=True)
        with pytest.raises(StreamingQueryException, match="failpoint"):
            self.run([armed])
        assert fired(self._site.names.failpoint_ledger) == [armed]

    def forget_last_batch(self) -> None:
        """Take away the checkpoint's note that the last batch is done."""
        commits = Path(self._site.names.checkpoint(ATTRIBUTE_ORDERS)) / "commits"
        last = max(int(path.name) for path in commits.iterdir() if path.name.isdigit())
        (commits / str(last)).unlink()
        (commits / f".{last}.crc").unlink(missing_ok=True)

    def compared(self) -> AttributionResult:
        """Postgres compared with the oracle."""
        pace = self._site.settings.attribution
        return compare_attribution(
            self._site.reader,
            self._site.names,
            bootstrap=self._site.services.kafka,
            address=self._address,
            look_back_seconds=pace.look_back_seconds,
            late_seconds=pace.late_seconds,
        )

    def change(self, statement: str) -> None:
        """Change Postgres by hand."""
        with connect(self._address) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def assert_sound(self) -> int:
        """Postgres is the oracle's, the lake and the topic hold each row of Postgres once; orders seen."""
        result = self.compared()
        assert result.holds, result.tables
        for table in ("checkouts", "touchpoints"):
            expected, found = self._stored(table), self._in_lake(table)
            names = expected[0].keys() & found[0].keys()
            assert len(found) == len(expected), table
            assert names == expected[0].keys(), table
            there = [{name: row[name] for name in names} for row in found]
            assert not any(differences(expected, there)[side] for side in ("missing", "extra")), table
        told = Counter(tuple(one[name] for name in _KEYS) for one in self._told())
        assert told == Counter(tuple(one[name] for name in _KEYS) for one in self._stored("checkouts"))
        return result.orders - result.late

    def _stored(self, table):
        with connect(self._address) as connection, connection.cursor() as cursor:
            return stored_rows(cursor, table)

    def _in_lake(self, table):
        rows = DeltaTable(self._site.names.table(f"gold.{table}")).to_pyarrow_table().to_pylist()
        return [{n: micros(v) if isinstance(v, datetime) else v for n, v in row.items()} for row in rows]

    def _told(self):
        ends = end_offsets(self._site.services.kafka, [CHECKOUTS_TOPIC])
        query_id = json.loads((Path(self._site.names.checkpoint(ATTRIBUTE_ORDERS)) / "metadata").read_text())[
            "id"
        ]
        for record in records_between(self._site.services.kafka, {}, ends):
            if dict(record.headers).get(BATCH_HEADER, b"").decode().startswith(query_id):
                yield json.loads(record.value)

    def _at(self, ago: float) -> str:
        return (self._now - timedelta(seconds=ago)).isoformat()

    def _click(self, name, *, source, ago):
        said = {"visitor_id": self._visitor, "event_id": name, "occurred_at": self._at(ago), "source": source}
        return {**CLICK, **said}

    def _orders(self, name, states, *, begin=0):
        for number, status in enumerate(states, start=begin):
            said = {"order_id": f"{name} {self._visitor}", "event_id": f"m{number}", "status": status}
            who = {"user_id": f"of {self._visitor}"}
            paid = {"occurred_at": self._at(30 - number), "total_minor": 500}
            lines = [{"product_id": self._visitor, "quantity": 2, "category": "shoes"}]
            yield "orders", {**said, **who, **paid, "visitor_id": self._visitor, "lines": lines}

    def _purchase(self):
        bought = {"Purchase_ID": f"p {self._visitor}", "Product_ID": 205, "Quantity": 1, "Source": "Tiktok"}
        times = {"Click_time": self._at(20), "Purchase_time": self._at(10), "Click_ID": 1}
        return {"User_ID": self._visitor, **bought, **times, "Payment_status": "success"}

    def _send(self, records) -> None:
        with Producer(self._site.services.kafka, max_message_bytes=8 * MEBI) as producer:
            for topic, value in records:
                encoded = json.dumps(value).encode() if isinstance(value, dict) else value
                key = value.get("user_id") if topic == "users" else self._visitor
                producer.send(topic, key=key.encode(), value=encoded)
            producer.flush()
