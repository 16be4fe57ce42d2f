"""A batch of the book for others: rows of the lake's tables, and messages of the topic `checkouts`."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pyarrow as pa

from pipelines.connectors.kafka_topic import Message
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.attribution import CHECKOUTS, TOUCHPOINTS
from pipelines.contracts.clock import moment
from pipelines.gold.attribution.standing import OrderMessage
from pipelines.runtime.attribution.keeper import Written

_SAID = ("order_id", "visitor_id", "event_id", "user_id", "status", "failure_reason", "payment_method")
_AMOUNTS = ("currency", "shipping_minor", "discount_bp", "sent_total_minor")
_encoder = msgspec.json.Encoder()


def checkout_rows(written: Written) -> pa.Table:
    """Rows of gold.checkouts."""
    rows = [_checkout(one) | _position(one) for one in written.messages]
    return pa.Table.from_pylist(rows, schema=arrow_schema(CHECKOUTS))


def touchpoint_rows(written: Written, arrived: Mapping[tuple[str, int, int], int]) -> pa.Table:
    """Rows of gold.touchpoints; `arrived` is position → broker's time of the clicks, UTC microseconds."""
    rows = []
    for one in written.touches:
        ingested_at = moment(arrived[one.topic, one.partition, one.offset])
        rows.append(one._asdict() | {"ingested_at": ingested_at, "ingested_date": ingested_at.date()})
    return pa.Table.from_pylist(rows, schema=arrow_schema(TOUCHPOINTS))


def checkout_messages(written: Written) -> list[Message]:
    """One message per row of gold.checkouts, keyed by the visitor, with the credits there are by now."""
    return [
        Message(
            one.visitor_id.encode(),
            _encoder.encode(_checkout(one) | {"credits": written.credits.get(one.order_id, {})}),
        )
        for one in written.messages
    ]


def _checkout(one: OrderMessage) -> dict[str, Any]:
    amounts = one.amounts
    return {
        **{name: getattr(one, name) for name in (*_SAID, *_AMOUNTS)},
        "occurred_at": moment(one.occurred_at),
        "goods_minor": amounts.goods_minor,
        "total_minor": amounts.total_minor,
        "profit_minor": amounts.profit_minor,
        "total_agrees": amounts.agrees,
        **one.buyer._asdict(),
        "lines": [{**line._asdict(), "goods_minor": line.goods_minor} for line in one.lines],
    }


def _position(one: OrderMessage) -> dict[str, Any]:
    ingested_at = moment(one.position.ingested_at)
    where = one.position._asdict() | {"ingested_at": ingested_at}
    return where | {"ingested_date": ingested_at.date()}
