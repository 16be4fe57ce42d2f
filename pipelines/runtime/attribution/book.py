"""The book of orders in Postgres: each batch is one transaction, and what it touches is made anew.

Messages and touches are added once, by their ids; whatever depends on them (how an order stands, who is
credited, the minutes) is computed again from all that the book holds. So the order in which records
come, batches that are repeated and corrections that come late all end in the same rows.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json, execute_values

from pipelines.gold.attribution.fits import Fit
from pipelines.gold.attribution.standing import OrderMessage, Standing, standing_of
from pipelines.gold.attribution.touches import Touch, path_to
from pipelines.runtime.attribution.clock import micros, minute_of, moment
from pipelines.runtime.attribution.crediting import (
    CREDIT_COLUMNS,
    Shares,
    credit_rows,
    newest_fits,
    shares_of,
)
from pipelines.runtime.attribution.messages import enriched, messages_of, store_messages
from pipelines.runtime.attribution.minutes import recount
from pipelines.runtime.attribution.touchpoints import store_touches, touches_of
from pipelines.runtime.attribution.versions import store_versions

_BOOK_LOCK = 0x626F6F6B  # "book"
_STANDING = (
    *("order_id", "visitor_id", "user_id", "ordered_at", "ordered_minute", "status", "is_paid"),
    *("payment_method", "currency", "paid_minor", "refunded_minor", "net_minor", "profit_minor"),
    *("total_agrees", "level", "gender", "country", "lines", "versions", "touches", "look_back_seconds"),
    *("is_final", "first_ingested_at"),
)


@dataclass(frozen=True)
class Taken:
    """What a batch brings: rows of silver's columns, and pairs of an order's message with a touch."""

    messages: Sequence[Mapping[str, Any]] = ()
    pairs: Sequence[Mapping[str, Any]] = ()
    users: Sequence[Mapping[str, Any]] = ()
    products: Sequence[Mapping[str, Any]] = ()


@dataclass
class _Touched:
    """Minutes that have to be counted anew."""

    orders: set[datetime] = field(default_factory=set)
    failures: set[datetime] = field(default_factory=set)


def write_batch(cursor: Cursor, taken: Taken, *, look_back_seconds: int, watermark: datetime | None) -> None:
    """Write what the batch brings, in the caller's transaction. Doing it twice changes nothing.

    Orders before `watermark` are final: no click that could change their credit comes by the stream.
    """
    cursor.execute("select pg_advisory_xact_lock(%s)", (_BOOK_LOCK,))
    store_versions(cursor, taken.users, taken.products)
    messages = enriched(cursor, taken.messages)
    store_messages(cursor, messages)
    store_touches(cursor, taken.pairs)
    touched = _Touched(failures=_failures(messages))
    orders = {one["order_id"] for one in (*taken.messages, *taken.pairs)}
    if orders:
        touched.orders |= restate(cursor, orders, look_back_seconds=look_back_seconds, watermark=watermark)
    if watermark is not None:
        touched.orders |= _finalise(cursor, watermark, look_back_seconds)
    recount(cursor, orders=touched.orders, failures=touched.failures)


def restate(
    cursor: Cursor, orders: Collection[str], *, look_back_seconds: int, watermark: datetime | None
) -> set[datetime]:
    """Make how these orders stand, and their credits, anew; the minutes they are and were in."""
    names = sorted(orders)
    minutes = _minutes_of(cursor, names)
    fits = newest_fits(cursor)
    paths = touches_of(cursor, names)
    messages: dict[str, list[OrderMessage]] = defaultdict(list)
    for one in messages_of(cursor, names):
        messages[one.order_id].append(one)
    standings = [standing_of(some) for some in messages.values()]
    book = _Page(look_back_seconds, watermark, fits)
    for order in standings:
        book.enter(order, paths[order.order_id])
    _replace_orders(cursor, book.orders)
    _replace_credits(cursor, names, book.credits, look_back_seconds)
    _restate_other_look_backs(cursor, standings, look_back_seconds)
    return minutes | {moment(minute_of(order.ordered_at)) for order in standings}


class _Page:
    """Rows of orders and credits under one look-back."""

    def __init__(self, look_back_seconds: int, watermark: datetime | None, fits: Sequence[Fit]) -> None:
        self.orders: list[tuple[Any, ...]] = []
        self.credits: list[tuple[Any, ...]] = []
        self._look_back = look_back_seconds
        self._final_before = 0 if watermark is None else micros(watermark)
        self._fits = fits

    def enter(self, order: Standing, touches: Iterable[Touch]) -> None:
        """Add an order with the touches of its visitor."""
        path = path_to(order.ordered_at, touches, look_back_seconds=self._look_back)
        is_final = order.ordered_at < self._final_before
        self.orders.append(_order_row(order, len(path.touches), self._look_back, is_final=is_final))
        shares = shares_of(path, self._fits)
        self.credits += credit_rows(order, shares, look_back_seconds=self._look_back, is_final=is_final)


def _order_row(order: Standing, touches: int, look_back: int, *, is_final: bool) -> tuple[Any, ...]:
    at = order.ordered_at
    return (
        *(order.order_id, order.visitor_id, order.user_id, moment(at), moment(minute_of(at))),
        *(order.status, order.is_paid, order.payment_method, order.currency),
        *(order.paid_minor, order.refunded_minor, order.net_minor, order.profit_minor),
        *(order.total_agrees, *order.buyer),
        Json([{**line._asdict(), "goods_minor": line.goods_minor} for line in order.lines]),
        *(order.versions, touches, look_back, is_final, moment(order.first_ingested_at)),
    )


def _replace_orders(cursor: Cursor, rows: Sequence[tuple[Any, ...]]) -> None:
    news = ", ".join(f"{name} = excluded.{name}" for name in _STANDING[1:])
    statement = f"""insert into gold.orders ({", ".join(_STANDING)}) values %s
        on conflict (order_id) do update set {news}"""  # noqa: S608 - constants
    execute_values(cursor, statement, rows, page_size=500)


def _replace_credits(
    cursor: Cursor, orders: Sequence[str], rows: Sequence[tuple[Any, ...]], look_back: int
) -> None:
    cursor.execute(
        "delete from gold.attributed_orders where order_id = any(%s) and look_back_seconds = %s",
        (list(orders), look_back),
    )
    insert_credits(cursor, rows)


def insert_credits(cursor: Cursor, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add rows in `CREDIT_COLUMNS`; those of the same orders and look-back have been deleted before."""
    statement = f"insert into gold.attributed_orders ({', '.join(CREDIT_COLUMNS)}) values %s"  # noqa: S608
    execute_values(cursor, statement, rows, page_size=1000)


def _restate_other_look_backs(cursor: Cursor, orders: Sequence[Standing], look_back: int) -> None:
    """Spread what the orders earn now by the shares they have under other look-backs."""
    cursor.execute(
        """delete from gold.attributed_orders where order_id = any(%s) and look_back_seconds <> %s
        returning order_id, look_back_seconds, is_final, model, fit_version, source, share_micros""",
        ([order.order_id for order in orders], look_back),
    )
    found: dict[tuple[Any, ...], dict[str, int]] = defaultdict(dict)
    for *one, source, share in cursor:
        found[tuple(one)][source] = share
    standing = {order.order_id: order for order in orders}
    rows: list[tuple[Any, ...]] = []
    for (order_id, seconds, is_final, model, fit), shares in found.items():
        said = [Shares(model, fit, shares)]
        rows += credit_rows(standing[order_id], said, look_back_seconds=seconds, is_final=is_final)
    insert_credits(cursor, rows)


def _finalise(cursor: Cursor, watermark: datetime, look_back: int) -> set[datetime]:
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


def _minutes_of(cursor: Cursor, orders: Sequence[str]) -> set[datetime]:
    cursor.execute("select ordered_minute from gold.orders where order_id = any(%s)", (list(orders),))
    return {minute for (minute,) in cursor}


def _failures(messages: Iterable[OrderMessage]) -> set[datetime]:
    return {moment(minute_of(one.occurred_at)) for one in messages if one.status == "payment_failed"}
