"""The gold tables of attribution: orders as they came, and the touches that led to them."""

from pyspark.sql.types import ArrayType, StructField, StructType

from pipelines.contracts.tables import (
    BOOLEAN,
    INTEGER,
    LONG,
    POSITION_COLUMNS,
    STRING,
    TIMESTAMP,
    Column,
    TableSpec,
)

_ORDER = Column("order_id", STRING, "the order", nullable=False)
_LINES = ArrayType(
    StructType(
        [
            StructField("line_number", INTEGER),
            StructField("product_id", STRING),
            StructField("quantity", LONG),
            StructField("unit_price_minor", LONG),
            StructField("category", STRING),
            StructField("commission_bp", LONG),
            StructField("goods_minor", LONG),
        ]
    )
)

CHECKOUTS = TableSpec(
    name="gold.checkouts",
    grain="One row per message of an order: placed, paid, failed, refunded, cancelled.",
    keys=("order_id", "visitor_id", "event_id"),
    columns=(
        *POSITION_COLUMNS,
        _ORDER,
        Column("visitor_id", STRING, "who ordered", nullable=False),
        Column("event_id", STRING, "id of the message", nullable=False),
        Column("occurred_at", TIMESTAMP, "when this came about, by the shop's clock", nullable=False),
        Column("user_id", STRING, "the account"),
        Column("status", STRING, "state of the order from here on", nullable=False),
        Column("failure_reason", STRING, "why the payment failed"),
        Column("payment_method", STRING, "how it was or is to be paid"),
        Column("currency", STRING, "ISO 4217 code of all amounts"),
        Column("shipping_minor", LONG, "shipping cost in minor units"),
        Column("discount_bp", LONG, "discount on the goods, 1/100 of a percent"),
        Column("sent_total_minor", LONG, "total as sent by the shop"),
        Column("goods_minor", LONG, "sum of price x quantity, before discount; null: a price is unknown"),
        Column("total_minor", LONG, "goods less discount, rounded half up, plus shipping"),
        Column("profit_minor", LONG, "goods less discount x commission, line by line; null: one is unknown"),
        Column("total_agrees", BOOLEAN, "whether the total sent is the computed one"),
        Column("level", STRING, "of the user's version valid at occurred_at"),
        Column("gender", STRING, "of the same version"),
        Column("country", STRING, "of the same version"),
        Column("lines", _LINES, "its lines, priced as of occurred_at", nullable=False),
    ),
    partitions=("ingested_date",),
    skipping=("partition", "offset", "ingested_at", "occurred_at", "order_id"),
)

TOUCHPOINTS = TableSpec(
    name="gold.touchpoints",
    grain="One row per order and click of its visitor that says where the visit came from.",
    keys=("order_id", "visitor_id", "event_id"),
    columns=(
        *POSITION_COLUMNS,
        _ORDER,
        Column("visitor_id", STRING, "who clicked, and ordered", nullable=False),
        Column("event_id", STRING, "id of the click", nullable=False),
        Column("occurred_at", TIMESTAMP, "time of the click", nullable=False),
        Column("source", STRING, "where the visit came from", nullable=False),
        Column("medium", STRING, "kind of the source"),
        Column("campaign", STRING, "the campaign's name"),
    ),
    partitions=("ingested_date",),
    skipping=("partition", "offset", "ingested_at", "occurred_at", "order_id"),
)
