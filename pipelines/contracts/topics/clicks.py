"""`clicks`: everything a visitor does in the shop. Key: `visitor_id`."""

from pipelines.contracts.fields import Field
from pipelines.contracts.topic import TopicSpec
from pipelines.contracts.vocabulary import EVENT_TYPES

TOPIC = TopicSpec(
    name="clicks",
    table="silver.events",
    grain="One row per behavioural event.",
    key="visitor_id",
    fields=(
        Field(
            "event_id", "id", "the event's own id, given by the producer, unique per visitor", required=True
        ),
        Field("event_type", "text", "what happened", required=True, choices=tuple(EVENT_TYPES)),
        Field("occurred_at", "time", "when it happened, by the client's clock", required=True),
        Field("visitor_id", "id", "the browser's id, there before anyone signs in", required=True),
        Field("user_id", "id", "the account, once signed in"),
        Field("session_id", "id", "the visit, where the producer knows it"),
        Field("sequence", "integer", "the producer's count of this visitor's events", minimum=0),
        Field("page_url", "text", "address of the page, with its query", max_length=4096),
        Field("page_type", "text", "home, category, product, cart, checkout, delivery, ..."),
        Field("element", "text", "the page's part that was used"),
        Field("referrer_url", "text", "address of the page before", max_length=4096),
        Field("source", "text", "where the visit came from, where the producer knows it"),
        Field("medium", "text", "kind of the source: organic, cpc, email, ..."),
        Field("campaign", "text", "the campaign's name"),
        Field("product_id", "id", "the product concerned"),
        Field("category_id", "id", "id of its category"),
        Field("category", "text", "path of its category, parts joined by dots"),
        Field("brand", "text", "its brand"),
        Field("price_minor", "money", "its price in minor units of `currency`"),
        Field("currency", "currency", "ISO 4217 code of the price"),
        Field("quantity", "integer", "pieces put in or taken out", minimum=0, maximum=1_000_000),
        Field("offer_id", "id", "the offer shown or clicked"),
        Field("search_query", "text", "what was searched for"),
        Field("user_agent", "text", "the browser's own name", max_length=2048),
        Field("ip_address", "text", "address of the client", max_length=64),
        Field("country", "text", "ISO 3166 code, two letters", max_length=2),
    ),
)
