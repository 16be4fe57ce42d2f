"""`offers`: versions of promotions. Key: `offer_id`, compacted."""

from pipelines.contracts.fields import Field
from pipelines.contracts.topic import TopicSpec

TOPIC = TopicSpec(
    name="offers",
    table="silver.offers",
    grain="One row per version of an offer.",
    key="offer_id",
    compacted=True,
    fields=(
        Field("offer_id", "id", "the offer", required=True),
        Field("occurred_at", "time", "from when this version holds", required=True),
        Field("campaign", "text", "the campaign it belongs to"),
        Field("merchant", "id", "whose offer it is"),
        Field("category", "text", "path of the category it is about"),
        Field("country", "text", "ISO 3166 code, two letters", max_length=2),
        Field("starts_at", "time", "first moment it may be shown"),
        Field("ends_at", "time", "first moment it may no longer be shown"),
        Field("discount_bp", "integer", "discount given, 1/100 of a percent", minimum=0, maximum=10_000),
        Field("budget_minor", "money", "what it may cost in all, in minor units"),
        Field("margin_minor", "money", "what an accepted offer earns, in minor units"),
        Field("currency", "currency", "ISO 4217 code of the amounts"),
    ),
)
