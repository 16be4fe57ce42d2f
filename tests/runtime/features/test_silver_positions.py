"""How far a batch over silver reaches is exactly what is in it, or it says that it is not exact."""

import pytest

from pipelines.gold.features.event import TABLES, of_tables
from pipelines.runtime.streams.silver_positions import reached
from tests.runtime.features.grown_lake import GrownLake
from tests.tiny_lake import TinyLake

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return TinyLake(tmp_path_factory.mktemp("shop"))


def test_an_exact_batch_holds_all_that_lies_below_its_positions_and_nothing_else(spark, shop, tmp_path):
    lake = GrownLake(shop, tmp_path)
    checkpoint, paths = str(tmp_path / "checkpoint"), [lake.names.table(table) for table in TABLES]
    taken, told = [], []

    def keep(batch, number):
        taken.extend(batch.select("topic", "partition", "offset", "event_id").collect())
        told.append((reached(spark, checkpoint, number, paths), sorted(map(tuple, taken))))

    for share in (0.2, 0.5, 0.6, 1.0):
        lake.arrive(share)
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
