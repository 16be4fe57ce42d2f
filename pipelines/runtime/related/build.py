"""One run: all lists of what silver's whole batches hold, made anew."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.connectors.delta import coverages, ensure_table
from pipelines.connectors.delta_replace import replace_table
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress
from pipelines.contracts.positions import Coverage
from pipelines.contracts.related import RELATED_PRODUCTS
from pipelines.gold.related.hit_rate import HitRate, hit_rates, split
from pipelines.gold.related.naming import related_products
from pipelines.gold.related.rules import Measure, RelatedRules
from pipelines.gold.related.visits import READS, product_visits
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.marts.positions import SilverUntil, silver_positions
from pipelines.runtime.related.publish import note_hit_rates, publish
from pipelines.settings import Settings

BUILD_RELATED = "build_related"
"""The query that commits to `gold.related_products` and the ledger name."""
TEST_SHARE = 0.2
"""The last share of product visits, by their visits' begin, is what lists of those before are asked."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class RelatedRun:
    """What a run did: products that have lists, rows of these, hit rates of each measure that was asked."""

    products: int
    rows: int
    hit_rates: dict[Measure, list[HitRate]]
    seconds: float

    def as_data(self) -> dict[str, object]:
        """The run as JSON data."""
        measured = {measure: [one.as_data() for one in found] for measure, found in self.hit_rates.items()}
        run = {"products": self.products, "rows": self.rows, "seconds": round(self.seconds, 1)}
        return run | ({"hit_rates": measured} if measured else {})


def related_rules(settings: Settings) -> RelatedRules:
    """The rules that the settings name."""
    chosen = settings.related
    return RelatedRules(
        named=chosen.named_products,
        window=chosen.window_products,
        shrinkage=chosen.shrinkage,
        measure=chosen.measure,
        gap_seconds=60 * settings.marts.session_gap_minutes,
    )


def build_related(
    spark: SparkSession,
    names: Names,
    *,
    rules: RelatedRules,
    postgres: PostgresAddress,
    evaluate: Sequence[Measure],
) -> RelatedRun:
    """Make all lists; first measure how often lists by each of `evaluate` hit, and keep that in Postgres.

    Raises `LakeError` when silver has no batch yet, `ServiceError` when Postgres is away or another run of
    this machine is under way.
    """
    began = time.monotonic()
    path = names.table(RELATED_PRODUCTS.name)
    with held(names.var_dir / "run" / f"{BUILD_RELATED}.lock", limit_seconds=1):
        until = silver_positions(spark, names)
        ensure_table(spark, RELATED_PRODUCTS, path)
        before = coverages(spark, [path], query=BUILD_RELATED)
        number = 1 + max((one.batch_id for one in before), default=-1)
        coverage = Coverage(BUILD_RELATED, number, until)
        silver = SilverUntil(spark, names, until)
        frames = {READS[0]: silver.table(READS[0])} | {name: silver.view(name) for name in READS[1:]}
        visits = _computed(product_visits(frames, gap_seconds=rules.gap_seconds))
        measured = _measured(visits, rules, evaluate) if evaluate else {}
        lists = related_products(visits, rules=rules)
        replace_table(lists, path, partition="sort", coverage=coverage)
    written = spark.read.format("delta").load(path)
    publish(written, postgres, coverage=coverage)
    note_hit_rates(postgres, measured)
    rows, products = written.agg(F.count("*"), F.count_distinct("product_id")).collect()[0]
    return RelatedRun(products, rows, measured, time.monotonic() - began)


def _computed(rows: DataFrame) -> DataFrame:
    """The rows computed once and without their plan, which each join of them with themselves would double."""
    return rows.localCheckpoint(storageLevel=StorageLevel.MEMORY_AND_DISK)


def _measured(
    visits: DataFrame, rules: RelatedRules, measures: Sequence[Measure]
) -> dict[Measure, list[HitRate]]:
    """Hit rates by measure; none while there are no visits."""
    began = F.expr(f"percentile_disc({1 - TEST_SHARE}) within group (order by unix_micros(visit_began_at))")
    (micros,) = visits.agg(began).collect()[0]
    if micros is None:
        return {}
    at = _EPOCH + timedelta(microseconds=int(micros))
    before, after = split(visits, at)
    found: dict[Measure, list[HitRate]] = {}
    for measure in measures:
        named = _computed(related_products(before, rules=replace(rules, measure=measure)))
        found[measure] = hit_rates(before, named, after, at=at)
    return found
