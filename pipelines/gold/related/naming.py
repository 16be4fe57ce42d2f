"""The lists: the best pairs of a product, then what sells in its category, then what sells at all."""

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.contracts.related import RELATED_PRODUCTS
from pipelines.gold.problems.action import Products
from pipelines.gold.related.pairs import products_of, scored_pairs
from pipelines.gold.related.rules import ANY_PRODUCT, SORTS, RelatedRules

_BASES = ("pairs", "category", "overall")


def related_products(visits: DataFrame, *, rules: RelatedRules) -> DataFrame:
    """Rows of `gold.related_products`, for every product of `product_visits`, and for `ANY_PRODUCT`.

    The same rows give the same lists: products that are as good as each other come in order of their ids.
    """
    products = products_of(visits)
    nobody_knows = [(ANY_PRODUCT, None)]
    anyone = visits.sparkSession.createDataFrame(nobody_knows, "product_id string, category string")
    subjects = products.select("product_id", "category").unionByName(anyone)
    selling = products.withColumnRenamed("product_id", "related_id")
    lists = [_lists(visits, subjects, selling, sort, rules) for sort in SORTS]
    return reduce(DataFrame.unionByName, lists).select(*RELATED_PRODUCTS.column_names)


def _lists(
    visits: DataFrame, subjects: DataFrame, selling: DataFrame, sort: Products, rules: RelatedRules
) -> DataFrame:
    best = Window.partitionBy("product_id").orderBy(F.desc("score"), F.desc("visits"), "related_id")
    pairs = scored_pairs(visits, sort, rules=rules).withColumn("rank", F.row_number().over(best))
    candidates = pairs.where(F.col("rank") <= rules.named).withColumn("basis", F.lit(0))
    further = candidates.unionByName(_selling_of_kind(subjects, selling, rules.named + 1)).unionByName(
        _selling_at_all(subjects, selling, rules.named + 1)
    )
    once = Window.partitionBy("product_id", "related_id").orderBy("basis")
    place = Window.partitionBy("product_id").orderBy("basis", "rank")
    return (
        further.where("product_id <> related_id")
        .withColumn("again", F.row_number().over(once))
        .where("again = 1")
        .withColumn("place", F.row_number().over(place))
        .where(F.col("place") <= rules.named)
        .withColumn("basis", F.element_at(F.array(*map(F.lit, _BASES)), F.col("basis") + 1))
        .withColumn("sort", F.lit(sort))
        .withColumnRenamed("related_id", "related_product_id")
    )


def _selling_of_kind(subjects: DataFrame, selling: DataFrame, most: int) -> DataFrame:
    within = Window.partitionBy("category").orderBy(*_by_sales())
    ranked = selling.where("category is not null").withColumn("rank", F.row_number().over(within))
    return _fallback(subjects.join(ranked.where(F.col("rank") <= most), "category"), 1)


def _selling_at_all(subjects: DataFrame, selling: DataFrame, most: int) -> DataFrame:
    top = selling.drop("category").orderBy(*_by_sales()).limit(most)
    ranked = top.withColumn("rank", F.row_number().over(Window.partitionBy(F.lit(0)).orderBy(*_by_sales())))
    return _fallback(subjects.crossJoin(F.broadcast(ranked)), 2)


def _by_sales() -> list[Column]:
    return [F.desc("ordered"), F.desc("chosen"), F.desc("viewed"), F.col("related_id")]


def _fallback(rows: DataFrame, basis: int) -> DataFrame:
    """Rows as those of pairs. They have no score: nobody has seen the two together."""
    return rows.select(
        "product_id",
        "related_id",
        F.lit(0).cast("long").alias("visits"),
        F.lit(0.0).alias("score"),
        "rank",
        F.lit(basis).alias("basis"),
    )
