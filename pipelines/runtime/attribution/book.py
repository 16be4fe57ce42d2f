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

from pipelines.contracts.clock import micros, minute_of, moment
from pipelines.contracts.positions import Vector
from pipelines.gold.attribution.fits import Fit
from pipelines.gold.attribution.shares import Shares, shares_of
from pipelines.gold.attribution.standing import Earned, OrderMessage, Standing, standing_of
from pipelines.gold.attribution.touches import Touch, path_to
from pipelines.runtime.attribution.crediting import (
    credit_rows,
    newest_fits,
    replace_credits,
    restate_other_look_backs,
)
from pipelines.runtime.attribution.messages import enriched, messages_of, store_messages
from pipelines.runtime.attribution.minutes import recount
from pipelines.runtime.attribution.orders import finalise, minutes_of, order_row, replace_orders
from pipelines.runtime.attribution.touchpoints import batches_of, store_settled, store_touches, touches_of
from pipelines.runtime.attribution.versions import store_versions

_BOOK_LOCK = 0x626F6F6B  # "book"


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


def write_batch(
    cursor: Cursor, taken: Taken, *, batch_id: int, look_back_seconds: int, watermark: datetime | None
) -> None:
    """Write what the batch brings, in the caller's transaction. Doing it twice changes nothing.

    Orders before `watermark` are final: no click that could change their credit comes by the stream.
    """
    cursor.execute("select pg_advisory_xact_lock(%s)", (_BOOK_LOCK,))
    store_versions(cursor, taken.users, taken.products)
    messages = enriched(cursor, taken.messages)
    store_messages(cursor, messages)
    store_touches(cursor, taken.pairs, batch_id=batch_id)
    touched = _Touched(failures=_failures(messages))
    orders = {one["order_id"] for one in (*taken.messages, *taken.pairs)}
    if orders:
        touched.orders |= restate(cursor, orders, look_back_seconds=look_back_seconds, watermark=watermark)
    if watermark is not None:
        touched.orders |= finalise(cursor, watermark, look_back_seconds)
    recount(cursor, orders=touched.orders, failures=touched.failures)


def store_dimensions(
    cursor: Cursor, users: Iterable[Mapping[str, Any]], products: Iterable[Mapping[str, Any]]
) -> None:
    """Add versions of users and products, rows of silver's columns."""
    cursor.execute("select pg_advisory_xact_lock(%s)", (_BOOK_LOCK,))
    store_versions(cursor, users, products)


def settle_orders(
    cursor: Cursor,
    taken: Taken,
    *,
    look_back_seconds: int,
    watermark: datetime | None,
    covered: Vector,
) -> None:
    """Make these orders anew: of records below `covered` the book then holds just what is taken."""
    cursor.execute("select pg_advisory_xact_lock(%s)", (_BOOK_LOCK,))
    orders = sorted({one["order_id"] for one in taken.messages})
    failures = _failures(messages_of(cursor, orders))
    taken_by = batches_of(cursor, orders)
    for table in ("checkouts", "touchpoints"):
        _forget_covered(cursor, table, orders, covered)
    messages = enriched(cursor, taken.messages)
    store_messages(cursor, messages)
    store_settled(cursor, taken.pairs, taken_by=taken_by)
    minutes = restate(cursor, orders, look_back_seconds=look_back_seconds, watermark=watermark)
    recount(cursor, orders=minutes, failures=failures | _failures(messages))


def _forget_covered(cursor: Cursor, table: str, orders: Sequence[str], covered: Vector) -> None:
    places = list(covered.items())
    cursor.execute(
        f"""delete from gold.{table} as r
        using unnest(%s::text[], %s::integer[], %s::bigint[]) as c (topic, partition, until)
        where r.order_id = any(%s) and r.topic = c.topic and r.partition = c.partition
            and r."offset" < c.until""",  # noqa: S608 - constants
        (
            [topic for (topic, _), _ in places],
            [partition for (_, partition), _ in places],
            [until for _, until in places],
            list(orders),
        ),
    )


def restate(
    cursor: Cursor, orders: Collection[str], *, look_back_seconds: int, watermark: datetime | None
) -> set[datetime]:
    """Make how these orders stand, and their credits, anew; the minutes they are and were in."""
    names = sorted(orders)
    minutes = minutes_of(cursor, names)
    fits = newest_fits(cursor)
    paths = touches_of(cursor, names)
    messages: dict[str, list[OrderMessage]] = defaultdict(list)
    for one in messages_of(cursor, names):
        messages[one.order_id].append(one)
    standings = [standing_of(some) for some in messages.values()]
    book = _Page(look_back_seconds, watermark, fits)
    for order in standings:
        book.enter(order, paths[order.order_id])
    replace_orders(cursor, book.orders)
    replace_credits(cursor, names, book.credits, look_back_seconds)
    restate_other_look_backs(cursor, standings, look_back_seconds)
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
        self.orders.append(order_row(order, len(path.touches), self._look_back, is_final=is_final))
        shares = shares_of(path, self._fits)
        self.credits += credit_rows(
            order.earned, shares, look_back_seconds=self._look_back, is_final=is_final
        )


def replace_shares(
    cursor: Cursor, shares: Mapping[str, Sequence[Shares]], *, look_back_seconds: int
) -> set[datetime]:
    """Credit orders that the book holds by these shares, for good; the minutes touched.

    Shares of orders that the book does not hold are passed over.
    """
    cursor.execute("select pg_advisory_xact_lock(%s)", (_BOOK_LOCK,))
    cursor.execute(
        """select order_id, ordered_at, is_paid, net_minor, profit_minor, currency
        from gold.orders where order_id = any(%s)""",
        (list(shares),),
    )
    found = [Earned(order_id, micros(at), *rest) for order_id, at, *rest in cursor]
    rows: list[tuple[Any, ...]] = []
    for order in found:
        rows += credit_rows(order, shares[order.order_id], look_back_seconds=look_back_seconds, is_final=True)
    replace_credits(cursor, [order.order_id for order in found], rows, look_back_seconds)
    return {moment(minute_of(order.ordered_at)) for order in found}


def _failures(messages: Iterable[OrderMessage]) -> set[datetime]:
    return {moment(minute_of(one.occurred_at)) for one in messages if one.status == "payment_failed"}
