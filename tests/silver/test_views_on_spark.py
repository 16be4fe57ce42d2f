"""One definition, two engines: Spark and DuckDB give the same rows, in the same types."""

import random

import pytest

from pipelines.connectors.lake_views import as_dataframe
from pipelines.contracts.arrow import arrow_type
from pipelines.contracts.views import all_views
from tests.silver.lake_rows import arrow_rows, by_key, in_duckdb, order_rows, second
from tests.silver.oracles import STATES

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def tables():
    """Some hundred rows in which everything is often equal, null or out of order."""
    draw = random.Random(11)

    def time():
        return second(draw.randrange(9))

    def versions(table, key, **columns):
        times = ({"valid_from": time(), "is_deleted": draw.random() < 0.2} for _ in range(120))
        rows = [
            one
            | {key: f"k{draw.randrange(12)}"}
            | {name: draw.choice(values) for name, values in columns.items()}
            for one in times
        ]
        return arrow_rows(table, rows)

    messages = [
        {
            "order_id": f"o{draw.randrange(60)}",
            "event_id": f"é{draw.randrange(6)}" if draw.random() < 0.5 else f"z{n}",
            "visitor_id": draw.choice("vvw"),
            "user_id": draw.choice([None, "u1", "u2"]),
            "session_id": draw.choice([None, "s1"]),
            "occurred_at": time(),
            "status": draw.choice(STATES),
            "failure_reason": draw.choice([None, "timeout", "card_expired"]),
            "payment_method": draw.choice([None, "card"]),
            "currency": draw.choice([None, "EUR"]),
            "total_minor": draw.choice([None, 0, 30, 10**15]),
            "lines": draw.choices("pqr", k=draw.randrange(1, 4)),
        }
        for n in range(300)
    ]
    links = [
        {
            "visitor_id": f"v{draw.randrange(20)}",
            "user_id": f"u{draw.randrange(5)}",
            "occurred_at": time(),
            "seen_hour": time(),
        }
        for _ in range(100)
    ]
    return {
        "silver.users": versions("silver.users", "user_id", level=[None, "GOLD"], name=["Zoë", "{x}"]),
        "silver.products": versions("silver.products", "product_id", price_minor=[None, 1, 10**15]),
        "silver.offers": versions("silver.offers", "offer_id", starts_at=[None, second(1)]),
        "silver.orders": arrow_rows("silver.orders", order_rows(messages)),
        "silver.identities": arrow_rows("silver.identities", links),
        "silver.decisions": arrow_rows("silver.decisions", [{"event_id": f"d{n}"} for n in range(30)]),
        "gold.decision_outcomes": arrow_rows(
            "gold.decision_outcomes", [{"offset": n, "label": n % 2} for n in range(5, 25, 2)]
        ),
    }


@pytest.mark.parametrize("view", sorted(all_views()))
def test_both_engines_answer_alike(spark, tables, view):
    found = as_dataframe(all_views()[view], spark, lambda table: spark.createDataFrame(tables[table]))
    expected = in_duckdb(tables, view)
    assert [(f.name, arrow_type(f.dataType)) for f in found.schema] == [
        (f.name, f.type) for f in expected.schema
    ]
    rows = by_key(expected, view)
    assert len(rows) > 10
    assert by_key(found.toArrow(), view) == rows
