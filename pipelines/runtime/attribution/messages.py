"""Messages of orders: priced and enriched as they come, and as rows of gold.checkouts."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json, execute_values

from pipelines.contracts.clock import micros, moment
from pipelines.gold.attribution.amounts import Line
from pipelines.gold.attribution.standing import Buyer, OrderMessage, Position
from pipelines.runtime.attribution.versions import ProductThen, buyers_at, products_at

_SAID = ("user_id", "status", "failure_reason", "payment_method", "currency", "shipping_minor", "discount_bp")
_COLUMNS = (
    *("order_id", "visitor_id", "event_id", "topic", "partition", "offset", "ingested_at", "occurred_at"),
    *_SAID,
    *("sent_total_minor", "goods_minor", "total_minor", "profit_minor", "total_agrees"),
    *("level", "gender", "country", "lines"),
)
_QUOTED = ", ".join(f'"{name}"' for name in _COLUMNS)
_READ = f"select {_QUOTED} from gold.checkouts where "  # noqa: S608 - constants
_ADD = f"insert into gold.checkouts ({_QUOTED}) values %s on conflict do nothing"  # noqa: S608 - constants

_AT_POSITIONS = """
    order_id = any(%s)
    and (topic, partition, "offset") in (select * from unnest(%s::text[], %s::integer[], %s::bigint[]))
    order by ingested_at, topic, partition, "offset"
"""


def enriched(cursor: Cursor, contents: Sequence[Mapping[str, Any]]) -> list[OrderMessage]:
    """Messages as silver has them, with the prices, commissions and buyers of their time.

    A price that the order itself names counts; else the product's, if it is in the order's currency.
    """
    buyers = buyers_at(cursor, [(one["user_id"], one["occurred_at"]) for one in contents])
    lines = [(line, one) for one in contents for line in one["lines"]]
    products = products_at(cursor, [(line["product_id"], one["occurred_at"]) for line, one in lines])
    priced = iter([_line(line, product, one) for (line, one), product in zip(lines, products, strict=True)])
    return [
        _message(one, tuple(next(priced) for _ in one["lines"]), buyer)
        for one, buyer in zip(contents, buyers, strict=True)
    ]


def _line(line: Mapping[str, Any], product: ProductThen, order: Mapping[str, Any]) -> Line:
    currencies = {product.currency, order["currency"]} - {None}
    listed = product.price_minor if len(currencies) <= 1 else None
    sent = line["unit_price_minor"]
    return Line(
        line_number=line["line_number"],
        product_id=line["product_id"],
        quantity=line["quantity"],
        unit_price_minor=listed if sent is None else sent,
        category=line["category"] or product.category,
        commission_bp=product.commission_bp,
    )


def _message(content: Mapping[str, Any], lines: tuple[Line, ...], buyer: Buyer) -> OrderMessage:
    where = (content["ingested_at"], content["topic"], content["partition"], content["offset"])
    return OrderMessage(
        order_id=content["order_id"],
        visitor_id=content["visitor_id"],
        event_id=content["event_id"],
        position=Position(*where),
        occurred_at=content["occurred_at"],
        sent_total_minor=content["total_minor"],
        lines=lines,
        buyer=buyer,
        **{name: content[name] for name in _SAID},
    )


def store_messages(cursor: Cursor, messages: Sequence[OrderMessage]) -> None:
    """Add the messages in the order of their arrival; one whose id is there already changes nothing."""
    rows = [_row(one) for one in sorted(messages, key=lambda one: one.position)]
    execute_values(cursor, _ADD, rows, page_size=1000)


def messages_of(cursor: Cursor, orders: Sequence[str]) -> list[OrderMessage]:
    """All messages so far of these orders."""
    cursor.execute(_READ + "order_id = any(%s)", (list(orders),))
    return [_read(row) for row in cursor]


def messages_at(
    cursor: Cursor, positions: Sequence[Position], *, orders: Sequence[str]
) -> list[OrderMessage]:
    """The messages of these orders that were first taken from these positions, by arrival."""
    topics, partitions, offsets = ([one[n] for one in positions] for n in (1, 2, 3))
    cursor.execute(_READ + _AT_POSITIONS, (list(orders), topics, partitions, offsets))
    return [_read(row) for row in cursor]


def _row(one: OrderMessage) -> tuple[Any, ...]:
    position, amounts = one.position, one.amounts
    return (
        *(one.order_id, one.visitor_id, one.event_id),
        *(position.topic, position.partition, position.offset),
        *(moment(position.ingested_at), moment(one.occurred_at)),
        *(getattr(one, name) for name in _SAID),
        *(one.sent_total_minor, amounts.goods_minor, amounts.total_minor, amounts.profit_minor),
        amounts.agrees,
        *one.buyer,
        Json([{**line._asdict(), "goods_minor": line.goods_minor} for line in one.lines]),
    )


def _read(row: Sequence[Any]) -> OrderMessage:
    found = dict(zip(_COLUMNS, row, strict=True))
    position = Position(micros(found["ingested_at"]), found["topic"], found["partition"], found["offset"])
    return OrderMessage(
        order_id=found["order_id"],
        visitor_id=found["visitor_id"],
        event_id=found["event_id"],
        position=position,
        occurred_at=micros(found["occurred_at"]),
        sent_total_minor=found["sent_total_minor"],
        lines=lines_of(found["lines"]),
        buyer=Buyer(found["level"], found["gender"], found["country"]),
        **{name: found[name] for name in _SAID},
    )


def lines_of(stored: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
    """Lines from their JSON."""
    return tuple(Line(*(one[name] for name in Line._fields)) for one in stored)
