"""Pairs of products that met in visits, and how often each product was met at all."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from pipelines.gold.problems.action import Products
from pipelines.gold.related.measures import score
from pipelines.gold.related.rules import RelatedRules

AT: dict[Products, str] = {"alternatives": "viewed_at", "complements": "chosen_at"}
"""What makes a product of a visit count for a sort, and when it did."""


def products_of(visits: DataFrame) -> DataFrame:
    """One row per product: its category as said last, and visits that ordered, chose, viewed it."""
    said = F.when(F.col("category").isNotNull(), F.struct("last_at", "category"))
    return visits.groupBy("product_id").agg(
        F.max(said)["category"].alias("category"),
        F.count_if("is_ordered").alias("ordered"),
        F.count("chosen_at").alias("chosen"),
        F.count("viewed_at").alias("viewed"),
    )


def scored_pairs(visits: DataFrame, sort: Products, *, rules: RelatedRules) -> DataFrame:
    """One row per product and other product that met it: `product_id`, `related_id`, `visits`, `score`.

    Alternatives are viewed in the same visit, of the same category where both are known, and not both
    ordered in it: one instead of the other. Complements are put into carts or ordered in the same visit.
    """
    met = _within(visits, AT[sort], last=rules.window)
    other = met.select("visit_id", F.col("product_id").alias("related_id"), F.col("is_ordered").alias("both"))
    pairs = met.join(other, "visit_id").where("product_id <> related_id")
    if sort == "alternatives":
        pairs = pairs.where("not (is_ordered and both)")
    counted = pairs.groupBy("product_id", "related_id").agg(F.count("*").alias("visits"))
    alone = met.groupBy("product_id").agg(F.count("*").alias("met"))
    known = alone.join(products_of(visits).select("product_id", "category"), "product_id")
    others = known.toDF("related_id", "related_met", "related_category")
    every = met.agg(F.count_distinct("visit_id").alias("every"))
    both = counted.join(known, "product_id").join(others, "related_id").crossJoin(F.broadcast(every))
    if sort == "alternatives":
        both = both.where("coalesce(category = related_category, true)")
    counts = (F.col("visits"), F.col("met"), F.col("related_met"), F.col("every"))
    rated = score(rules.measure, counts, shrinkage=rules.shrinkage)
    return both.select("product_id", "related_id", "visits", rated.alias("score")).where("score > 0")


def _within(visits: DataFrame, at: str, *, last: int) -> DataFrame:
    """The last so many products of each visit: a visit with thousands makes no millions of pairs."""
    newest = Window.partitionBy("visit_id").orderBy(F.desc(at), "product_id")
    rows = visits.where(F.col(at).isNotNull()).withColumn("place", F.row_number().over(newest))
    return rows.where(F.col("place") <= last).select("visit_id", "product_id", "is_ordered")
