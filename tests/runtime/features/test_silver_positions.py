"""How far a batch over silver reaches is exactly what is in it, or it says that it is not exact."""

import pytest

from pipelines.gold.features.event import TABLES, of_tables
from pipelines.runtime.streams.silver_positions import reached
from tests.runtime.features.grown_lake import GrownLake
from tests.tiny_lake import PARTITIONS, TinyLake

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return TinyLake(tmp_path_factory.mktemp("shop"))


def clicks(place):
    """Whether clicks come by this partition."""
    return place[0] == "clicks" or (place[0] == "shop" and place[1] < PARTITIONS)


def orders(place):
    """Whether orders do."""
    return not clicks(place)


def everything(_place):
    """Whether anything does."""
    return True


@pytest.mark.parametrize("bound_to", [None, "shop"])
def test_an_exact_batch_holds_all_below_its_positions_and_nothing_else(spark, shop, tmp_path, bound_to):
    """Also where a batch of clean_silver had no rows of a table, or where one topic fills both tables."""
    lake = GrownLake(shop, tmp_path, bound_to=bound_to)
    checkpoint, paths = str(tmp_path / "checkpoint"), {table: lake.names.table(table) for table in TABLES}
    taken, told = [], []

    def keep(batch, number):
        taken.extend(batch.select("topic", "partition", "offset", "event_id").collect())
        told.append((reached(spark, checkpoint, number, paths), sorted(map(tuple, taken))))

    arrivals = ((0.2, everything), (0.4, clicks), (0.5, orders), (0.7, everything), (0.8, clicks))
    for share, places in (*arrivals, (1.0, everything)):
        lake.arrive(share, only=places)
        tables = {table: _stream(spark, lake, table) for table in TABLES}
        writer = of_tables(tables).writeStream.option("checkpointLocation", checkpoint)
        writer.trigger(availableNow=True).foreachBatch(keep).start().awaitTermination()
    for (positions, is_exact), there in told:
        below = [
            (one["topic"], one["partition"], one["offset"], one["event_id"])
            for one in lake.events()
            if one["offset"] < positions.get((one["topic"], one["partition"]), 0)
        ]
        assert set(below) <= set(there)
        assert (sorted(below) == there) is is_exact
    assert len(told) > 4
    assert {ends.is_exact for ends, _ in told} == {True, False}
    assert told[-1][0].is_exact


def _stream(spark, lake, table):
    source = spark.readStream.format("delta").option("maxFilesPerTrigger", 1)
    return source.load(lake.names.table(table))
