"""`orders`: orders and their later versions (payments, refunds). Key: `visitor_id`."""

from pipelines.contracts.fields import Field
from pipelines.contracts.topic import TopicSpec
from pipelines.contracts.vocabulary import ORDER_STATES

TOPIC = TopicSpec(
    name="orders",
    table="silver.orders",
    grain="One row per order line and version of the order; an order with a bad line is rejected whole.",
    key="visitor_id",
    fields=(
        Field(
            "event_id", "id", "id of this message; versions of one order have different ones", required=True
        ),
        Field("order_id", "id", "the order", required=True),
        Field("occurred_at", "time", "when this version came about, by the shop's clock", required=True),
        Field(
            "visitor_id", "id", "who ordered; a source that knows only users sends the user", required=True
        ),
        Field("user_id", "id", "the account"),
        Field("session_id", "id", "the visit, where the producer knows it"),
        Field("sequence", "integer", "the producer's count of this visitor's records", minimum=0),
        Field(
            "status", "text", "state of the order from here on", required=True, choices=tuple(ORDER_STATES)
        ),
        Field("failure_reason", "text", "why the payment failed"),
        Field("payment_method", "text", "how it was or is to be paid"),
        Field("currency", "currency", "ISO 4217 code of all amounts"),
        Field("shipping_minor", "money", "shipping cost in minor units"),
        Field(
            "discount_bp", "integer", "discount on the goods, 1/100 of a percent", minimum=0, maximum=10_000
        ),
        Field("total_minor", "money", "total as sent by the shop, in minor units"),
    ),
    lines=(
        Field("product_id", "id", "the product bought", required=True),
        Field("quantity", "integer", "pieces", required=True, minimum=1, maximum=1_000_000),
        Field("unit_price_minor", "money", "price of one piece in minor units"),
        Field("category_id", "id", "id of its category"),
        Field("category", "text", "path of its category, parts joined by dots"),
        Field("brand", "text", "its brand"),
    ),
)
