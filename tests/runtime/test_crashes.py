"""Both queries crashed at every durable step: run again, the lake is what plain Python makes of Kafka."""

import shutil

import pytest

from pipelines.connectors.delta_writer import DeltaWriter
from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE, Names
from pipelines.contracts.lake import BRONZE, DEAD_LETTERS, DUPLICATES, IDENTITIES
from pipelines.errors import LakeError
from pipelines.runtime.streams.queries import clean_silver, land_bronze
from tests.runtime.crash_runs import CrashLake, bound_topic

pytestmark = [pytest.mark.spark, pytest.mark.services]

WRITTEN = ("silver.events", "silver.orders", DEAD_LETTERS.name, DUPLICATES.name, IDENTITIES.name)
STEPS = [
    (LAND_BRONZE, "batch"),
    (LAND_BRONZE, f"append:{BRONZE.name}"),
    (CLEAN_SILVER, "batch"),
    *((CLEAN_SILVER, f"append:{table}") for table in WRITTEN),
]


@pytest.fixture(scope="module")
def lake(spark, stack, tmp_path_factory):
    """One lake for all drills: each adds to what the ones before have left."""
    folder = tmp_path_factory.mktemp("crashes")
    names = Names.of(var_dir=str(folder), lake=str(folder / "lake"))
    found = CrashLake(spark, names, stack.kafka, bound_topic(stack.kafka))
    found.feed()
    found.run()
    return found


@pytest.mark.parametrize(("query", "step"), STEPS, ids=lambda value: value)
def test_crashes_before_and_after_any_step_leave_no_trace(lake, query, step):
    """The second crash is one of the batch that the first one left."""
    lake.feed()
    if query == CLEAN_SILVER:
        lake.run(LAND_BRONZE)
    lake.crash(query, f"before_{step}")
    lake.crash(query, f"after_{step}")
    lake.run()
    lake.assert_sound()


def test_a_batch_that_was_written_but_not_noted_is_not_written_twice(lake):
    lake.feed()
    lake.run()
    for query in (LAND_BRONZE, CLEAN_SILVER):
        lake.forget_last_batch(query)
    lake.run()
    lake.assert_sound()


@pytest.mark.parametrize("tables", [("silver.events",), WRITTEN], ids=lambda some: some[-1])
def test_a_lost_commit_of_silver_is_restored(lake, tables):
    """The disk has forgotten the end of the batch: the checkpoint's note, and the newest commits."""
    lake.feed()
    lake.run()
    lake.forget_last_batch(CLEAN_SILVER)
    for table in tables:
        lake.lose_last_commit(table)
    lake.run()
    lake.assert_sound()


def test_a_lost_commit_of_bronze_is_restored(lake):
    lake.feed()
    lake.run(LAND_BRONZE)
    lake.forget_last_batch(LAND_BRONZE)
    lake.lose_last_commit(BRONZE.name)
    lake.run()
    lake.assert_sound()


def test_small_and_large_ways_of_a_batch_give_the_same(lake, monkeypatch):
    """Arrow files and delta-rs, or Spark's cache and Spark's writer: in turns, and within one batch."""
    lake.feed()
    lake.run(LAND_BRONZE)
    lake.crash(CLEAN_SILVER, f"after_append:{DUPLICATES.name}")
    with monkeypatch.context() as patch:
        on_a_cluster(patch)
        lake.run(CLEAN_SILVER)
        lake.assert_sound()
        lake.feed()
        lake.run(LAND_BRONZE)
        lake.crash(CLEAN_SILVER, f"after_append:{DUPLICATES.name}")
    lake.run()
    lake.assert_sound()


def on_a_cluster(monkeypatch):
    """Make the driver believe that its workers write elsewhere and that the lake is no local folder."""
    for module in (clean_silver, land_bronze):
        monkeypatch.setattr(module, "workers_share_disk", lambda _: False)
    monkeypatch.setattr(DeltaWriter, "takes_arrow", False)


@pytest.mark.parametrize("query", [LAND_BRONZE, CLEAN_SILVER])
def test_a_checkpoint_older_than_the_tables_is_refused(lake, query):
    """It would plan the same batch with more records, and the tables would take these for written."""
    checkpoint = lake.names.checkpoint(query)
    shutil.copytree(checkpoint, f"{checkpoint}.older")
    lake.feed()
    lake.run()
    shutil.move(checkpoint, f"{checkpoint}.newest")
    shutil.move(f"{checkpoint}.older", checkpoint)
    with pytest.raises(LakeError, match=f"checkpoint of {query} ends at batch .* from the same copy"):
        lake.run(query)
    shutil.rmtree(checkpoint)
    shutil.move(f"{checkpoint}.newest", checkpoint)


@pytest.mark.parametrize("query", [LAND_BRONZE, CLEAN_SILVER])
def test_a_lost_checkpoint_is_refused_with_the_way_out(lake, query):
    """The last drills: they leave the lake without checkpoints."""
    shutil.rmtree(lake.names.checkpoint(query))
    with pytest.raises(LakeError, match=f"checkpoint of {query} is gone.*Restore the checkpoint from a copy"):
        lake.run(query)
