"""Training values of partials and the events since are those of all events, also by user."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.errors import SettingsError
from pipelines.gold.features.event import EVENT
from pipelines.gold.features.feature_set import FeatureSet, Ttl
from pipelines.gold.features.partials import partials_of
from pipelines.gold.features.training import training_values
from tests.gold.features.shop import BEGIN, DAY, EVERYTHING, events
from tests.gold.features.test_training import PERSON, PRODUCT, Row, Shop, linked, spine_rows

pytestmark = pytest.mark.spark
BOUND = BEGIN + 4 * DAY
SETS = tuple(replace(one, ttl=Ttl(days=30)) for one in (EVERYTHING, PRODUCT, PERSON))
"""So long that what lies before the bound still counts."""


@pytest.fixture(scope="module")
def shop() -> Shop:
    """Cases of which the spine asks only about what lies after the bound."""
    made = Shop()

    @settings(max_examples=60, derandomize=True, database=None)
    @given(events(), spine_rows(), linked())
    def collect(events_: list[Row], spine: list[Row], links: list[Row]) -> None:
        made.add(events_, [row for row in spine if row["seen_at"] >= BOUND], links)

    collect()
    return made


def carried(spark: SparkSession, shop: Shop, feature_set: FeatureSet) -> DataFrame:
    """The partials of the events before the bound, as two batches left them."""
    before = [row for row in shop.events if row["occurred_at"] < BOUND]
    tables = [pa.Table.from_pylist(before[part::2], schema=EVENT) for part in (0, 1)]
    made = pa.concat_tables([partials_of(feature_set, table) for table in tables])
    return spark.createDataFrame(made).withColumn("visible_at", F.lit(BOUND - 1))


def test_partials_travel_with_the_events(spark: SparkSession, shop: Shop) -> None:
    """In each pass, and for users from when their links can be known, before the bound or after it."""
    all_, spine, links = shop.frames(spark)
    since = all_.where(F.col("visible_at") >= BOUND)
    partials = {one.name: carried(spark, shop, one) for one in SETS}
    found = training_values(since, spine, SETS, partitions=3, links=links, carried=partials)
    wanted = training_values(all_, spine, SETS, partitions=3, links=links)
    by_row = found.toArrow().sort_by("row_id")
    assert by_row.to_pylist() == wanted.toArrow().sort_by("row_id").to_pylist()
    of_many = pc.greater(by_row["person__events"], by_row["everything__events"])
    assert pc.any(of_many).as_py(), "no row of any case is read by user"


def test_all_sets_are_carried_or_none(spark: SparkSession, shop: Shop) -> None:
    all_, spine, _ = shop.frames(spark)
    with pytest.raises(SettingsError, match="nothing is carried for everything, product"):
        training_values(all_, spine, SETS, partitions=1, carried={PERSON.name: spine})
