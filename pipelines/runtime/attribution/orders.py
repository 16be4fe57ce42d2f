"""Orders as rows of gold.orders."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json, execute_values

from pipelines.contracts.clock import minute_of, moment
from pipelines.gold.attribution.standing import Standing

_STANDING = (
    *("order_id", "visitor_id", "user_id", "ordered_at", "ordered_minute", "status", "is_paid"),
    *("payment_method", "currency", "paid_minor", "refunded_minor", "net_minor", "profit_minor"),
    *("total_agrees", "level", "gender", "country", "lines", "versions", "touches", "look_back_seconds"),
    *("is_final", "first_ingested_at"),
)


def order_row(order: Standing, touches: int, look_back: int, *, is_final: bool) -> tuple[Any, ...]:
    """A row of the order, whose path has so many touches within the look-back (seconds)."""
    at = order.ordered_at
    return (
        *(order.order_id, order.visitor_id, order.user_id, moment(at), moment(minute_of(at))),
        *(order.status, order.is_paid, order.payment_method, order.currency),
        *(order.paid_minor, order.refunded_minor, order.net_minor, order.profit_minor),
        *(order.total_agrees, *order.buyer),
        Json([{**line._asdict(), "goods_minor": line.goods_minor} for line in order.lines]),
        *(order.versions, touches, look_back, is_final, moment(order.first_ingested_at)),
    )


def replace_orders(cursor: Cursor, rows: Sequence[tuple[Any, ...]]) -> None:
    """Put the rows of `order_row` in the place of those of the same orders."""
    news = ", ".join(f"{name} = excluded.{name}" for name in _STANDING[1:])
    statement = f"""insert into gold.orders ({", ".join(_STANDING)}) values %s
        on conflict (order_id) do update set {news}"""  # noqa: S608 - constants
    execute_values(cursor, statement, rows, page_size=500)


def finalise(cursor: Cursor, watermark: datetime, look_back: int) -> set[datetime]:
    """Mark what the watermark has passed; the minutes of these orders."""
    cursor.execute(
        """update gold.orders set is_final = true where not is_final and ordered_at < %s
        returning order_id, ordered_minute""",
        (watermark,),
    )
    passed = cursor.fetchall()
    cursor.execute(
        """update gold.attributed_orders set is_final = true
        where order_id = any(%s) and look_back_seconds = %s""",
        ([order for order, _ in passed], look_back),
    )
    return {minute for _, minute in passed}


def minutes_of(cursor: Cursor, orders: Sequence[str]) -> set[datetime]:
    """The minutes in which the book has these orders now."""
    cursor.execute("select ordered_minute from gold.orders where order_id = any(%s)", (list(orders),))
    return {minute for (minute,) in cursor}
