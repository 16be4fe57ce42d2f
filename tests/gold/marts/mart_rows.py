"""Rows of silver for marts, and all marts of them by Spark."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from pyspark.sql import SparkSession

from pipelines.connectors.lake_views import as_dataframe
from pipelines.contracts.gold import SESSIONS
from pipelines.contracts.views import all_views
from pipelines.gold.marts import MartRules, all_marts
from tests.records import NOON
from tests.silver.lake_rows import Row, arrow_rows, order_rows

PAGE_TYPES = ("home", "product", "help")
RULES = MartRules(gap_seconds=1800, path_steps=3, period_days=7)


def minute(number: float):
    """That many minutes past noon of the first day, a Sunday."""
    return NOON + timedelta(minutes=number)


def day(number: int):
    """That many days after the first."""
    return (NOON + timedelta(days=number)).date()


def event(at: float, event_type: str = "page_view", **fields: Any) -> Row:
    """An event of visitor `v`, minutes past noon."""
    return {"visitor_id": "v", "event_type": event_type, "occurred_at": minute(at)} | fields


def message(at: float, order_id: str, status: str = "paid", **fields: Any) -> Row:
    """A message of an order of visitor `v` and 10.00 EUR, minutes past noon."""
    fixed = {"order_id": order_id, "status": status, "occurred_at": minute(at)}
    return fixed | {"total_minor": 1000, "currency": "EUR"} | fields


def silver(*, events: Sequence[Row] = (), orders: Sequence[Row] = (), links: Sequence[Row] = ()):
    """Silver's tables: events and messages are named by their number unless they have an id."""
    numbered = [{"event_id": f"e{n:04}"} | one for n, one in enumerate(events)]
    sent = order_rows([{"event_id": f"m{n:04}"} | one for n, one in enumerate(orders)])
    return {
        "silver.events": arrow_rows("silver.events", [{"topic": "clicks"} | one for one in numbered]),
        "silver.orders": arrow_rows("silver.orders", [{"topic": "orders"} | one for one in sent]),
        "silver.identities": arrow_rows("silver.identities", links),
    }


def all_of(spark: SparkSession, tables: dict[str, Any], rules: MartRules = RULES) -> dict[str, list[Row]]:
    """Every mart's rows, in the order of their keys, which must tell them apart."""
    views = all_views()
    frames = {name: spark.createDataFrame(rows) for name, rows in tables.items()}
    frames |= {name: as_dataframe(views[name], spark, lambda table: frames[table]) for name in _READ}
    found = {}
    marts = all_marts()
    frames[SESSIONS.name] = marts[SESSIONS.name].build(frames, rules).cache()
    for name, mart in marts.items():
        rows = frames[name] if name in frames else mart.build(frames, rules)
        assert rows.schema.fieldNames() == mart.table.column_names
        found[name] = in_order(rows.toArrow().to_pylist(), name)
    frames[SESSIONS.name].unpersist()
    return found


def in_order(rows: list[Row], table: str) -> list[Row]:
    """The rows by their keys, of which there may be no two alike."""
    keys = all_marts()[table].table.keys
    ordered = sorted(rows, key=lambda row: [row[key] for key in keys])
    assert len({tuple(row[key] for key in keys) for row in rows}) == len(rows), f"{keys} is no key of {table}"
    return ordered


_READ = ("silver.orders_current", "silver.order_versions", "silver.visitor_user")
