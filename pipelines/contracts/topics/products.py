"""`products`: versions of products. Key: `product_id`, compacted."""

from pipelines.contracts.fields import Field
from pipelines.contracts.topic import TopicSpec

TOPIC = TopicSpec(
    name="products",
    table="silver.products",
    grain="One row per version of a product.",
    key="product_id",
    compacted=True,
    fields=(
        Field("product_id", "id", "the product", required=True),
        Field("occurred_at", "time", "from when this version holds", required=True),
        Field("name", "text", "display name"),
        Field("category_id", "id", "id of its category"),
        Field("category", "text", "path of its category, parts joined by dots"),
        Field("brand", "text", "its brand"),
        Field("price_minor", "money", "price in minor units"),
        Field("currency", "currency", "ISO 4217 code of the price"),
        Field(
            "commission_bp",
            "integer",
            "share of a sale that is profit, 1/100 of a percent",
            minimum=0,
            maximum=10_000,
        ),
    ),
)
