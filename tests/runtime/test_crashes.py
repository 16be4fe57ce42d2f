"""Both queries crashed at every durable step: run again, the lake is what plain Python makes of Kafka."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from kafka import KafkaProducer

from pipelines.connectors.delta_writer import DeltaWriter
from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE, Names
from pipelines.contracts.lake import BRONZE, DEAD_LETTERS, DUPLICATES, IDENTITIES
from pipelines.errors import LakeError
from pipelines.runtime.streams.queries import clean_silver, land_bronze
from tests.runtime.crash_runs import CrashLake, bound_topic

pytestmark = [pytest.mark.spark, pytest.mark.services]

WRITTEN = ("silver.events", "silver.orders", DEAD_LETTERS.name, DUPLICATES.name, IDENTITIES.name)
AROUND = ("before_batch", "after_batch")
POINTS = [
    *((LAND_BRONZE, point) for point in AROUND),
    *((LAND_BRONZE, f"{when}_append:{BRONZE.name}") for when in ("before", "after")),
    *((CLEAN_SILVER, point) for point in AROUND),
    *((CLEAN_SILVER, f"{when}_append:{table}") for table in WRITTEN for when in ("before", "after")),
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


@pytest.mark.parametrize(("query", "point"), POINTS, ids=lambda value: value)
def test_a_crash_at_any_point_leaves_no_trace(lake, query, point):
    lake.feed()
    if query == CLEAN_SILVER:
        lake.run(LAND_BRONZE)
    lake.crash(query, point)
    lake.run()
    lake.assert_sound()


def test_several_crashes_in_one_batch(lake):
    lake.feed()
    lake.run(LAND_BRONZE)
    for table in (DUPLICATES.name, "silver.events", IDENTITIES.name):
        lake.crash(CLEAN_SILVER, f"after_append:{table}")
    lake.run()
    lake.assert_sound()
    lake.assert_conserved()


def test_a_batch_that_was_written_but_not_noted_is_not_written_twice(lake):
    lake.feed()
    lake.run()
    for query in (LAND_BRONZE, CLEAN_SILVER):
        lake.forget_last_batch(query)
    lake.run()
    lake.assert_sound()


@pytest.mark.parametrize(
    "tables", [("silver.events",), (DUPLICATES.name,), WRITTEN], ids=lambda some: some[-1]
)
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
    lake.assert_conserved()


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
        lake.run()
        lake.assert_sound()
        lake.feed()
        lake.run(LAND_BRONZE)
        lake.crash(CLEAN_SILVER, f"after_append:{DUPLICATES.name}")
    lake.run()
    lake.assert_sound()
    lake.assert_conserved()


def on_a_cluster(monkeypatch):
    """Make the driver believe that its workers write elsewhere and that the lake is no local folder."""
    for module in (clean_silver, land_bronze):
        monkeypatch.setattr(module, "workers_share_disk", lambda _: False)
    monkeypatch.setattr(DeltaWriter, "takes_arrow", False)


@pytest.mark.parametrize("query", [LAND_BRONZE, CLEAN_SILVER])
def test_a_lost_checkpoint_is_refused_with_the_way_out(lake, query):
    """The last drills: they leave the lake without checkpoints."""
    shutil.rmtree(lake.names.checkpoint(query))
    with pytest.raises(LakeError, match=f"checkpoint of {query} is gone.*Restore the checkpoint from a copy"):
        lake.run(query)


def test_a_commit_of_bronze_that_is_read_in_pieces(spark, stack, tmp_path):
    """Over midnight a partition's records lie in two files of one commit; a batch may end between them."""
    topic = bound_topic(stack.kafka, timestamps="CreateTime")
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    click = {"Click_ID": 1, "User_ID": "u", "Click_time": (midnight - timedelta(hours=1)).isoformat()}
    client = KafkaProducer(bootstrap_servers=stack.kafka)
    for partition, second in [(0, 1), *((1, second) for second in range(-3, 3))]:
        moment = int(midnight.timestamp() * 1000) + 1000 * second
        client.send(topic, json.dumps(click).encode(), partition=partition, timestamp_ms=moment)
    client.close()
    names = Names.of(var_dir=str(tmp_path), lake=str(tmp_path / "lake"))

    def in_pieces(spec):
        files = spark.readStream.format("delta").option("maxFilesPerTrigger", 1)
        return (
            replace(spec, source=files.load(names.table(BRONZE.name))) if spec.name == CLEAN_SILVER else spec
        )

    lake = CrashLake(spark, names, stack.kafka, topic, changed=in_pieces)
    lake.run()
    lake.assert_sound()
    lake.assert_conserved()
