"""What Postgres holds of one order: what dashboards add up."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import psycopg2
from psycopg2.extras import RealDictCursor

from pipelines.connectors.postgres import PostgresAddress, open_connection
from pipelines.errors import ServiceError

Row = dict[str, Any]

_QUESTIONS = {
    "orders": "select * from gold.orders where order_id = %s",
    "credits": """
        select look_back_seconds, model, source, share_micros, revenue_minor, profit_minor, currency,
            is_final, fit_version
        from gold.attributed_orders where order_id = %s order by look_back_seconds, model, source""",
    "touchpoints": """
        select topic, partition, "offset", visitor_id, event_id, occurred_at, source, medium, campaign
        from gold.touchpoints where order_id = %s order by occurred_at, event_id, visitor_id""",
    "checkouts": """
        select topic, partition, "offset", event_id, occurred_at, status, sent_total_minor, total_minor,
            total_agrees, profit_minor, level, gender, country
        from gold.checkouts where order_id = %s order by occurred_at, event_id""",
}


def credit_of(order_id: str, address: PostgresAddress) -> Mapping[str, list[Row]]:
    """Rows of the order, its credits, touchpoints and checkouts, all of one moment.

    Raises `ServiceError` when Postgres is away or has no tables of attribution yet.
    """
    connection = open_connection(address, application="trace", statement_seconds=10, read_only=True)
    with closing(connection), connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        try:
            cursor.execute("set transaction isolation level repeatable read")
            return {name: _rows(cursor, question, order_id) for name, question in _QUESTIONS.items()}
        except psycopg2.errors.UndefinedTable:
            raise ServiceError(f"Postgres at {address} has no orders yet: no driver ran there.") from None


def _rows(cursor: RealDictCursor, question: str, order_id: str) -> list[Row]:
    cursor.execute(question, (order_id,))
    return [dict(row) for row in cursor]
