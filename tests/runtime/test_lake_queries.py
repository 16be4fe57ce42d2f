"""Kafka → bronze → silver with a real broker: every record has its fate, and nothing is written twice."""

import json
import uuid
from datetime import UTC, datetime

import pytest

from pipelines.connectors.kafka import Producer, ensure_topics, planned_topics
from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import Names
from pipelines.runtime.reading import record_reader
from pipelines.runtime.streams.conservation_check import check_lake
from pipelines.runtime.streams.driver import ensure_lake
from pipelines.runtime.streams.queries.clean_silver import clean_silver
from pipelines.runtime.streams.queries.land_bronze import land_bronze
from pipelines.runtime.streams.streaming import start_stream
from pipelines.settings import Stream, TableStream, load_settings
from tests.records import CLICK, ORDER

pytestmark = [pytest.mark.spark, pytest.mark.services]

PURCHASE = {
    "Purchase_ID": 1,
    "Product_ID": 205,
    "Shipping_cost": 12.620001,
    "Discount": 0.15000000000000002,
    "Total_cost": 83.16,
    "Payment_method": "Visa",
    "Quantity": 3,
    "Payment_status": "success",
}
PACE = Stream(trigger_seconds=1, max_records=1000)
TABLE_PACE = TableStream(trigger_seconds=1, max_mib=32)


class Silent:
    """Metrics of a run nobody watches."""

    def record(self, report):
        """Forget it."""


def now():
    return datetime.now(UTC).isoformat()


@pytest.fixture
def lake(tmp_path):
    return Names.of(var_dir=str(tmp_path), lake=str(tmp_path / "lake"))


@pytest.fixture
def bound(stack):
    """A bound topic of the test's own; the broker and its other topics are shared by all tests."""
    name = f"other_shop_{uuid.uuid4().hex[:8]}"
    ensure_topics(stack.kafka, planned_topics([name]), partitions=2, max_message_bytes=8_388_608)
    return name


def run(spark, lake, stack, bound):
    reader = record_reader(load_settings(overrides=[f"bindings=[{{topic: {bound}, mapping: attribution}}]"]))
    ensure_lake(spark, lake)
    specs = [
        land_bronze(spark, lake, bootstrap=stack.kafka, bound=[bound], stream=PACE),
        clean_silver(spark, lake, reader=reader, stream=TABLE_PACE),
    ]
    for spec in specs:
        stream = start_stream(spark, spec, lake, Silent(), available_now=True)
        stream.query.awaitTermination()
        assert stream.fault() is None


def send(stack, records):
    with Producer(stack.kafka, max_message_bytes=8_388_608) as producer:
        for topic, key, value in records:
            encoded = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
            producer.send(topic, key=key, value=encoded)
        producer.flush()


def count(lake, table, where="true"):
    return LakeReader(lake).rows(f"select count(*) as n from {table} where {where}")[0]["n"]


def test_every_record_gets_its_fate_once(spark, stack, lake, bound):
    mine = uuid.uuid4().hex
    click = {**CLICK, "visitor_id": mine, "occurred_at": now()}
    send(
        stack,
        [
            *(("clicks", mine.encode(), {**click, "event_id": f"e{n}"}) for n in range(20)),
            ("clicks", mine.encode(), {**click, "event_id": "e1"}),
            ("clicks", mine.encode(), {**click, "event_id": "e1", "brand": "other"}),
            ("clicks", mine.encode(), {**click, "event_type": "nonsense"}),
            ("clicks", mine.encode(), b'{"a":"' + b"x" * 5_000_000 + b'"}'),
            ("orders", mine.encode(), {**ORDER, "visitor_id": mine, "occurred_at": now()}),
            ("users", mine.encode(), None),
            (bound, b"k", {"Click_ID": 1, "User_ID": mine, "Click_time": now(), "Source": "Tiktok"}),
            (bound, b"k", {**PURCHASE, "User_ID": mine, "Purchase_time": now()}),
            (bound, mine.encode(), {"User_ID": mine, "neither": "click nor purchase"}),
        ],
    )
    run(spark, lake, stack, bound)

    visitor = f"visitor_id = '{mine}'"
    assert count(lake, "silver.events", f"{visitor} and topic = 'clicks'") == 20
    assert count(lake, "silver.events", f"{visitor} and topic = '{bound}' and source = 'Tiktok'") == 1
    assert count(lake, "silver.orders", f"{visitor} and topic = 'orders'") == 2
    paid = "status = 'paid' and discount_bp = 1500 and shipping_minor = 1262 and quantity = 3"
    assert count(lake, "silver.orders", f"{visitor} and topic = '{bound}' and {paid}") == 1
    assert count(lake, "silver.users", f"user_id = '{mine}' and is_deleted") == 1
    letters = LakeReader(lake).rows(
        "select reason, octet_length(value) as size from silver.dead_letters where key = ? order by 1",
        [mine.encode()],
    )
    assert count(lake, "silver.duplicates", f"{visitor} and topic = 'clicks'") == 1
    assert [(row["reason"], row["size"] > 5_000_000) for row in letters] == [
        ("conflicting_id", False),
        ("too_large", True),
        ("unknown_choice", False),
        ("unmapped", False),
    ]
    assert check_lake(spark, lake, bootstrap=stack.kafka).holds

    before = {table: count(lake, table) for table in LakeReader(lake).tables}
    run(spark, lake, stack, bound)
    assert {table: count(lake, table) for table in LakeReader(lake).tables} == before
