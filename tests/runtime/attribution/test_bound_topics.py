"""Clicks and purchases of another shape on two live topics: bound by a mapping, they earn credit."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.connectors.kafka import Producer
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import connect
from pipelines.runtime.reading import record_reader
from pipelines.runtime.streams.driver import ensure_lake
from pipelines.runtime.streams.queries.attribute_orders import attribute_orders
from pipelines.runtime.streams.site import Site
from pipelines.runtime.streams.streaming import start_stream
from pipelines.settings import load_settings
from tests.runtime.crash_runs import MEBI, Silent, bound_topic

pytestmark = [pytest.mark.spark, pytest.mark.services]
_SECONDS = 60
_SAID = "select {} from gold.{} where order_id like '%%' || %s order by 1, 2"


def at(ago: timedelta) -> str:
    return (datetime.now(UTC) - ago).isoformat()


def clicks(buyer: str, *came: tuple[str, timedelta]) -> list[dict]:
    shown = {"User_ID": buyer, "Click_at": "Homepage", "IP": "10.0.0.1"}
    return [
        {**shown, "Click_ID": number, "Source": source, "Click_time": at(ago)}
        for number, (source, ago) in enumerate(came, start=1)
    ]


def purchase(buyer: str, name: str, product: str, **more) -> dict:
    """Two of the product, at 10 % off, and 12.62 for shipping."""
    bought = {"Purchase_ID": f"{name} {buyer}", "User_ID": buyer, "Product_ID": product, "Quantity": 2}
    costs = {"Shipping_cost": 12.620000000000001, "Discount": 0.1, "Total_cost": 30.62}
    paid = {"Payment_method": "Visa", "Payment_status": "success", "Description": "none"}
    return {**bought, **costs, **paid, "Purchase_time": at(timedelta(seconds=1)), **more}


@pytest.fixture
def topics(stack):
    """Two topics of the test's own: for clicks and for purchases."""
    return bound_topic(stack.kafka), bound_topic(stack.kafka)


@pytest.fixture
def site(spark, stack, topics, prepared, tmp_path):
    """Where the query runs, both topics bound."""
    bound = ", ".join(f"{{topic: {topic}, mapping: attribution}}" for topic in topics)
    settings = load_settings(overrides=[f"bindings=[{bound}]"])
    names = Names.of(var_dir=str(tmp_path), lake=str(tmp_path / "lake"))
    ensure_lake(spark, names)
    services = replace(stack, postgres=replace(stack.postgres, database=prepared.database))
    return Site(spark, settings, names, services, record_reader(settings))


def test_purchases_of_one_topic_are_credited_to_clicks_of_the_other(site, topics, prepared):
    buyer, late = uuid.uuid4().hex, uuid.uuid4().hex
    minutes = [timedelta(minutes=number) for number in range(12)]
    product = {"product_id": buyer, "price_minor": 1000, "commission_bp": 500, "occurred_at": at(minutes[9])}
    lost = {"Payment_status": "failure", "Description": "no funds"}
    sent = [
        ("products", [product]),
        (topics[0], clicks(buyer, ("Facebook", minutes[5]), ("Google", minutes[1]))),
        (topics[0], clicks(late, ("Tiktok", minutes[11]))),
        (topics[1], [purchase(buyer, "paid", buyer), purchase(buyer, "lost", buyer, **lost)]),
        (topics[1], [purchase(late, "paid", "unknown")]),
    ]
    with Producer(site.services.kafka, max_message_bytes=8 * MEBI) as producer:
        for topic, records in sent:
            for one in records:
                key = one.get("User_ID", buyer)
                producer.send(topic, key=key.encode(), value=json.dumps(one).encode())
        producer.flush()
    stream = start_stream(site.spark, attribute_orders(site), site.names, Silent(), available_now=True)
    assert stream.query.awaitTermination(_SECONDS)
    with connect(prepared) as connection, connection.cursor() as cursor:

        def stored(columns, table, of):
            cursor.execute(_SAID.format(columns, table), (of,))
            return cursor.fetchall()

        amounts = "status, failure_reason, sent_total_minor, total_minor, profit_minor, total_agrees, topic"
        assert stored(amounts, "checkouts", buyer) == [
            ("paid", None, 3062, 3062, 90, True, topics[1]),
            ("payment_failed", "no funds", 3062, 3062, 90, True, topics[1]),
        ]
        credit = "model, source, share_micros, revenue_minor"
        credited = stored(credit, "attributed_orders", buyer)
        assert [one for one in credited if one[0] in ("first", "last", "linear")] == [
            ("first", "Facebook", 1_000_000, 3062),
            ("last", "Google", 1_000_000, 3062),
            ("linear", "Facebook", 500_000, 1531),
            ("linear", "Google", 500_000, 1531),
        ]
        assert {one[1:] for one in stored(credit, "attributed_orders", late)} == {("direct", 1_000_000, 3062)}
        cursor.execute("select reason, failures from gold.fail_count")
        assert ("no funds", 1) in cursor.fetchall()
