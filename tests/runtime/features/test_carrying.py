"""Carried to a midnight and on to another: training frames are what all events make of them."""

from datetime import UTC, datetime

import pytest
from deltalake import DeltaTable

from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.carrying import carried, carry
from pipelines.runtime.features.training_frame import training_frame
from tests.runtime.features.grown_lake import GrownLake
from tests.tiny_lake import TinyLake

pytestmark = pytest.mark.spark
SETS = ["twin", "user", "product", "session_product"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return TinyLake(tmp_path_factory.mktemp("shop"))


def at(micros):
    return datetime.fromtimestamp(micros / 1e6, UTC)


def frame(spark, lake, since, sets):
    """What was known of the events from a moment on."""
    events = (
        spark.read.format("delta").load(lake.names.table("silver.events")).where(f"known_at >= '{since}'")
    )
    spine = events.selectExpr(
        "event_id as row_id", "known_at as time", "visitor_id", "user_id", "session_id", "product_id"
    )
    made = training_frame(spark, lake.names, spine, sets=sets, clock="known", partitions=2)
    return sorted(map(str, made.collect()))


def test_a_frame_is_the_same_from_what_is_carried(spark, shop, tmp_path, monkeypatch):
    lake = GrownLake(shop, tmp_path)
    lake.arrive(1.0)
    known = sorted(one["known_at"] for one in lake.events())
    first, second = known[len(known) // 3], known[2 * len(known) // 3]
    lake = GrownLake(shop, tmp_path / "lake")
    monkeypatch.setattr(
        "pipelines.runtime.features.carrying.all_sets", lambda: {name: all_sets()[name] for name in SETS}
    )
    sets = [all_sets()[name] for name in SETS]
    assert carried(spark, lake.names, sets) is None
    lake.arrive(0.4)
    carry(spark, lake.names, midnight=first, partitions=2)
    lake.arrive(0.7)
    rows = carry(spark, lake.names, midnight=second, partitions=2)
    assert carry(spark, lake.names, midnight=second, partitions=2) == rows
    there = carried(spark, lake.names, sets)
    lake.arrive(1.0)
    late = [one for one in lake.events() if one["known_at"] < second and not _is_below(one, there.positions)]
    assert late, "nothing came after it was carried"
    quick = frame(spark, lake, at(second), SETS)
    assert len(quick) > 50
    for name in SETS:
        table = DeltaTable(lake.names.table(f"gold.features_{name}_v1_carried"))
        assert table.to_pyarrow_table().num_rows == rows[name] > 0
    monkeypatch.setattr("pipelines.runtime.features.training_frame.carried", lambda *_: None)
    assert quick == frame(spark, lake, at(second), SETS)


def _is_below(one, positions):
    return one["offset"] < positions.get((one["topic"], one["partition"]), 0)
