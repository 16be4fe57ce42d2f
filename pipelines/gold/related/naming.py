"""The lists: the best pairs of a product, then what sells in its category, then what sells at all."""

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.contracts.related import RELATED_PRODUCTS
from pipelines.gold.problems.action import Products
from pipelines.gold.related.pairs import products_of, scored_pairs
from pipelines.gold.related.rules import ANY_PRODUCT, SORTS, RelatedRules

_IDS = "array<string>"


def related_products(visits: DataFrame, *, rules: RelatedRules) -> DataFrame:
    """Rows of `gold.related_products`, for every product of `product_visits`, and for `ANY_PRODUCT`.

    The same rows give the same lists: products that are as good as each other come in order of their ids.
    """
    products = products_of(visits)
    fallback = _fallback(products, most=rules.named + 1)
    lists = [_lists(fallback, scored_pairs(visits, sort, rules=rules), sort, rules.named) for sort in SORTS]
    return reduce(DataFrame.unionByName, lists).select(*RELATED_PRODUCTS.column_names)


def _fallback(products: DataFrame, *, most: int) -> DataFrame:
    """One row per product, `ANY_PRODUCT` too: the ids of what sells best in its category, and at all.

    One more than a list is long is enough: of those the product itself is left out, and the pairs that
    stand before them leave as many places less.
    """
    nobody_knows = [(ANY_PRODUCT, None)]
    anyone = products.sparkSession.createDataFrame(nobody_knows, "product_id string, category string")
    subjects = products.select("product_id", "category").unionByName(anyone)
    within = Window.partitionBy("category").orderBy(*_by_sales())
    ranked = products.where("category is not null").withColumn("rank", F.row_number().over(within))
    kinds = ranked.where(F.col("rank") <= most).groupBy("category").agg(_in_order("of_kind"))
    top = products.orderBy(*_by_sales()).limit(most)
    overall = top.withColumn("rank", F.row_number().over(Window.partitionBy(F.lit(0)).orderBy(*_by_sales())))
    selling = F.broadcast(overall.agg(_in_order("of_all")))
    return subjects.join(kinds, "category", "left").crossJoin(selling)


def _lists(fallback: DataFrame, pairs: DataFrame, sort: Products, named: int) -> DataFrame:
    best = Window.partitionBy("product_id").orderBy(F.desc("score"), F.desc("visits"), "related_id")
    ranked = pairs.withColumn("rank", F.row_number().over(best)).where(F.col("rank") <= named)
    one = F.struct("rank", "related_id", "score", "visits")
    met = ranked.groupBy("product_id").agg(F.array_sort(F.collect_list(one)).alias("met"))
    ids = F.coalesce(F.col("met")["related_id"], F.array().cast(_IDS))
    of_kind = F.coalesce("of_kind", F.array().cast(_IDS))
    every = F.array_remove(F.array_distinct(F.concat(ids, of_kind, "of_all")), F.col("product_id"))
    found = fallback.join(met, "product_id", "left").select(
        "*", F.posexplode(F.slice(every, 1, named)).alias("before", "related_product_id")
    )
    pair = F.get("met", F.col("before"))
    is_of_kind = F.array_contains(of_kind, F.col("related_product_id"))
    return found.select(
        F.lit(sort).alias("sort"),
        "product_id",
        (F.col("before") + 1).alias("place"),
        "related_product_id",
        F.when(pair.isNotNull(), "pairs").when(is_of_kind, "category").otherwise("overall").alias("basis"),
        F.coalesce(pair["score"], F.lit(0.0)).alias("score"),
        F.coalesce(pair["visits"], F.lit(0)).cast("long").alias("visits"),
    )


def _by_sales() -> list[Column]:
    return [F.desc("ordered"), F.desc("chosen"), F.desc("viewed"), F.col("product_id")]


def _in_order(name: str) -> Column:
    ranked = F.array_sort(F.collect_list(F.struct("rank", "product_id")))
    return ranked["product_id"].alias(name)
