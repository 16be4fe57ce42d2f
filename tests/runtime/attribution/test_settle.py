"""The daily settlement, on a small silver by hand: what it puts right, what it adds, what it leaves alone."""

import pytest

from pipelines.connectors.delta import ensure_table
from pipelines.connectors.delta_writer import DeltaWriter
from pipelines.connectors.ledger import newest_entry
from pipelines.connectors.names import ATTRIBUTE_ORDERS, CLEAN_SILVER, Names
from pipelines.connectors.postgres import connect
from pipelines.contracts.clock import micros
from pipelines.contracts.lake import record_tables
from pipelines.contracts.positions import Coverage
from pipelines.errors import LakeError
from pipelines.gold.attribution.fitted import all_fitted
from pipelines.runtime.attribution.book import Taken, write_batch
from pipelines.runtime.attribution.settlement import settle_all
from pipelines.settings import load_settings
from tests.silver.lake_rows import arrow_rows, order_rows, second

pytestmark = [pytest.mark.spark, pytest.mark.services]
MONTH = 30 * 86_400
COVERED = {("clicks", 0): 10, ("orders", 0): 10}


def click(event, visitor, at, source):
    return {
        "topic": "clicks",
        "event_id": event,
        "visitor_id": visitor,
        "occurred_at": second(at),
        "traffic_source": source,
    }


def message(order, event, status, at, **more):
    said = {"order_id": order, "event_id": event, "status": status, "occurred_at": second(at), **more}
    return {"topic": "orders", "currency": "EUR", "total_minor": 900, **said}


CLICKS = [
    click("c1", "v1", 0, "google"),
    click("c2", "v2", 100, "facebook"),
    click("c3", "v1", 200, "mail"),
    click("c4", "v4", 50, "google"),
    click("c5", "v1", 250, None),
]
MESSAGES = [
    message("o1", "m1", "placed", 300, visitor_id="v1"),
    message("o1", "m2", "paid", 310, visitor_id="v1"),
    message("o2", "m3", "paid", 500, visitor_id="v3"),
    message("o2", "m4", "refunded", 600, visitor_id="v3", total_minor=400),
]
LINKS = [
    {
        "topic": "clicks",
        "visitor_id": visitor,
        "user_id": "u1",
        "occurred_at": second(n),
        "seen_hour": second(0),
    }
    for n, visitor in enumerate(("v1", "v2"))
]


@pytest.fixture
def names(tmp_path):
    """A lake with that silver."""
    names = Names.of(var_dir=str(tmp_path), lake=None)
    writer = DeltaWriter(None, names)
    rows = {"silver.events": CLICKS, "silver.orders": order_rows(MESSAGES), "silver.identities": LINKS}
    for spec in record_tables().values():
        ensure_table(None, spec, names.table(spec.name))
    for table, some in rows.items():
        coverage = Coverage(CLEAN_SILVER, 0, COVERED, complete=True)
        writer.append(record_tables()[table], arrow_rows(table, some), app_id="test", coverage=coverage)
    return names


def before(address):
    """What the stream has written: no late click, one that silver refused, a refund silver has not yet."""
    place = {"topic": "clicks", "partition": 0, "ingested_at": micros(second(0))}
    seen = {"visitor_id": "v1", "medium": None, "campaign": None}
    pairs = [
        {
            **place,
            **seen,
            "order_id": "o1",
            "event_id": event,
            "offset": offset,
            "occurred_at": micros(second(at)),
        }
        | {"source": source}
        for event, offset, at, source in (("c1", 0, 0, "google"), ("refused", 7, 10, "ghost"))
    ]
    new = dict.fromkeys(
        ("user_id", "failure_reason", "payment_method", "currency", "shipping_minor", "discount_bp")
    )
    line = {"line_number": 1, "product_id": "p", "quantity": 1, "unit_price_minor": None, "category": None}
    beyond = {
        "order_id": "o1",
        "visitor_id": "v1",
        "event_id": "m9",
        "status": "refunded",
        "total_minor": 100,
    }
    arrived = {"topic": "orders", "partition": 0, "offset": 10, "ingested_at": micros(second(700))}
    taken = Taken(
        messages=[{**new, **beyond, **arrived, "occurred_at": micros(second(700)), "lines": [line]}],
        pairs=pairs,
    )
    with connect(address) as connection, connection, connection.cursor() as cursor:
        write_batch(cursor, taken, batch_id=0, look_back_seconds=600, watermark=None)


def credited(cursor, order, seconds, model):
    cursor.execute(
        """select source, share_micros, revenue_minor from gold.attributed_orders
        where order_id = %s and look_back_seconds = %s and model = %s order by source""",
        (order, seconds, model),
    )
    return cursor.fetchall()


def test_the_settlement(spark, names, prepared):
    before(prepared)
    rules = load_settings().attribution
    done = settle_all(spark, names, prepared, rules=rules, days=None, restore=True)
    assert (done["settled"], done["credited"]) == (2, 2)
    assert done["fits"].keys() == all_fitted().keys()
    with connect(prepared) as connection, connection.cursor() as cursor:
        assert credited(cursor, "o1", 600, "first") == [("google", 1_000_000, 800)]
        assert credited(cursor, "o1", 600, "last") == [("mail", 1_000_000, 800)]
        third = [("facebook", 333_334, 267), ("google", 333_333, 267), ("mail", 333_333, 266)]
        assert credited(cursor, "o1", MONTH, "linear") == third
        assert credited(cursor, "o2", 600, "first") == [("direct", 1_000_000, 500)]
        cursor.execute("select distinct event_id from gold.touchpoints order by 1")
        assert cursor.fetchall() == [("c1",), ("c3",)]
        cursor.execute("select weights, fitted_on from gold.attribution_fits where model = 'markov'")
        weights, fitted_on = cursor.fetchone()
        assert weights.keys() == {"google", "facebook", "mail", "direct"}
        assert (fitted_on["conversions"], fitted_on["non_conversions"]) == (2, 1)
        cursor.execute(
            "select sum(order_micros) / 1e6, sum(revenue_minor) from gold.source_count "
            "where look_back_seconds = 600 and model = 'first'"
        )
        assert cursor.fetchone() == (2, 800 + 500)
        assert newest_entry(cursor, ATTRIBUTE_ORDERS) is None  # there is no checkpoint to go on from


def test_silver_without_a_batch_has_nothing_to_settle(spark, tmp_path, prepared):
    names = Names.of(var_dir=str(tmp_path), lake=None)
    for spec in record_tables().values():
        ensure_table(None, spec, names.table(spec.name))
    with pytest.raises(LakeError, match="silver has no batch yet"):
        settle_all(spark, names, prepared, rules=load_settings().attribution, days=3, restore=False)
