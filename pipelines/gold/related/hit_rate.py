"""How often the lists are right: lists of the visits before a moment, asked in the visits after it."""

import math
from dataclasses import asdict, dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.gold.problems.action import Products
from pipelines.gold.related.pairs import AT
from pipelines.gold.related.rules import SORTS

ASKED = 10
"""A step is a hit when the product is among so many that were named."""
_Z = 1.959964


@dataclass(frozen=True)
class Rate:
    """A share with its 95 % interval; null where nothing was asked, an interval of one visitor too."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class HitRate:
    """Steps of a sort: which of the lists hit, which of the most popular products, and the difference.

    `steps`: products that came after another one in a visit; `visitors` made them.
    """

    sort: Products
    split_at: datetime
    steps: int
    visitors: int
    hits: Rate
    popular: Rate
    gain: Rate

    def as_data(self) -> dict[str, object]:
        """The figures as JSON data."""
        return asdict(self) | {"split_at": self.split_at.isoformat()}


def split(visits: DataFrame, at: datetime) -> tuple[DataFrame, DataFrame]:
    """Visits that ended before the moment, and those that began at it or later; no other."""
    return visits.where(F.col("visit_ended_at") < at), visits.where(F.col("visit_began_at") >= at)


def hit_rates(before: DataFrame, named: DataFrame, after: DataFrame, *, at: datetime) -> list[HitRate]:
    """Rates of the lists `named`, rows of `gold.related_products` of `before`, over the visits `after`.

    The most popular are those that most visits before viewed (alternatives) or chose (complements); the
    product at hand is never among the ten.
    """
    return [_of_sort(before, named.where(F.col("sort") == sort), after, sort, at) for sort in SORTS]


def steps(visits: DataFrame, sort: Products) -> DataFrame:
    """One row per product of a visit that came after another: `visitor_id`, `product_id`, `wanted`.

    Products in the order in which they were first viewed, or chosen; of one instant by id.
    """
    in_time = Window.partitionBy("visit_id").orderBy(AT[sort], "product_id")
    rows = visits.where(F.col(AT[sort]).isNotNull())
    following = rows.withColumn("wanted", F.lead("product_id").over(in_time))
    return following.where("wanted is not null").select("visitor_id", "product_id", "wanted")


def _of_sort(before: DataFrame, named: DataFrame, after: DataFrame, sort: Products, at: datetime) -> HitRate:
    own = named.where(F.col("place") <= ASKED).select(
        "product_id", F.col("related_product_id").alias("wanted"), F.lit(1).alias("own")
    )
    asked = steps(after, sort)
    known = named.select("product_id").distinct().withColumn("is_known", F.lit(True))
    anyone = own.where("product_id = ''").select("wanted", F.lit(1).alias("of_anyone"))
    judged = (
        asked.join(own, ["product_id", "wanted"], "left")
        .join(known, "product_id", "left")
        .join(F.broadcast(anyone), "wanted", "left")
        .join(F.broadcast(_popular(before, sort)), "wanted", "left")
        .withColumn("listed", F.when(F.col("is_known"), F.col("own")).otherwise(F.col("of_anyone")))
    )
    by_visitor = judged.groupBy("visitor_id").agg(
        F.count("*").alias("n"),
        F.count("listed").alias("hit"),
        F.count_if(_is_popular()).alias("popular"),
    )
    return _rates(by_visitor, sort, at)


def _popular(before: DataFrame, sort: Products) -> DataFrame:
    """The ten most popular and the next: it is named where the product at hand is one of the ten."""
    counted = before.where(F.col(AT[sort]).isNotNull()).groupBy("product_id").count()
    top = counted.orderBy(F.desc("count"), "product_id").limit(ASKED + 1)
    best = Window.partitionBy(F.lit(0)).orderBy(F.desc("count"), "product_id")
    ranked = top.withColumn("rank", F.row_number().over(best))
    ids = F.collect_list(F.when(F.col("rank") <= ASKED, F.col("product_id"))).over(
        Window.partitionBy(F.lit(0))
    )
    return ranked.select(F.col("product_id").alias("wanted"), "rank", ids.alias("ten"))


def _is_popular() -> Column:
    return (F.col("rank") <= ASKED) | F.array_contains("ten", F.col("product_id"))


def _rates(by_visitor: DataFrame, sort: Products, at: datetime) -> HitRate:
    gain = F.col("hit") - F.col("popular")
    found = by_visitor.agg(
        F.count("*").alias("visitors"),
        F.sum("n").alias("n"),
        F.sum(F.col("n") * F.col("n")).alias("nn"),
        *(
            column
            for name, value in (("hit", F.col("hit")), ("popular", F.col("popular")), ("gain", gain))
            for column in (
                F.sum(value).alias(name),
                F.sum(value * value).alias(f"{name}_squared"),
                F.sum(value * F.col("n")).alias(f"{name}_n"),
            )
        ),
    ).collect()[0]
    sums = {name: int(value or 0) for name, value in found.asDict().items()}
    return HitRate(
        sort, at, sums["n"], sums["visitors"],
        clustered(sums, "hit"), clustered(sums, "popular"), clustered(sums, "gain", low=-1.0),
    )  # fmt: skip


def clustered(sums: dict[str, int], name: str, *, low: float = 0.0) -> Rate:
    """Sum over sum of `n`, with the linearised interval of a ratio whose units are visitors.

    Variance: G/(G-1) Σ(y - r n)² / (Σn)² over G visitors (W. Cochran, Sampling Techniques, 1977, §6.3).
    """
    n, visitors = sums["n"], sums["visitors"]
    if not n:
        return Rate(None, None, None)
    value = sums[name] / n
    if visitors == 1:
        return Rate(value, None, None)
    squares = sums[f"{name}_squared"] - 2 * value * sums[f"{name}_n"] + value * value * sums["nn"]
    half = _Z * math.sqrt(max(squares, 0.0) * visitors / (visitors - 1)) / n
    return Rate(value, max(low, value - half), min(1.0, value + half))
