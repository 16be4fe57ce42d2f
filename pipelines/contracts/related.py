"""The gold table of products to name beside another one."""

from pipelines.contracts.tables import DOUBLE, INTEGER, LONG, STRING, Column, TableSpec

RELATED_PRODUCTS = TableSpec(
    name="gold.related_products",
    grain="One row per sort, product and place in the list of products to name with it.",
    keys=("sort", "product_id", "place"),
    columns=(
        Column("sort", STRING, "alternatives or complements", nullable=False),
        Column("product_id", STRING, "the product at hand; empty: any that is not here", nullable=False),
        Column("place", INTEGER, "1 is named first", nullable=False),
        Column("related_product_id", STRING, "the product to name", nullable=False),
        Column(
            "basis",
            STRING,
            "pairs: visits had both; category, overall: the most ordered there",
            nullable=False,
        ),
        Column("score", DOUBLE, "of the pair, by the measure of the settings; 0: no pair", nullable=False),
        Column("visits", LONG, "visits that had both; 0: no pair", nullable=False),
    ),
    partitions=("sort",),
    skipping=("product_id",),
)
