"""Both queries under a real supervisor: each fails once at a bad moment, and every record arrives once."""

import json
import threading
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipelines.connectors.kafka import Producer, ensure_topics, planned_topics
from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE, Names
from pipelines.runtime.failpoints import arm, fired
from pipelines.runtime.reading import record_reader
from pipelines.runtime.streams import supervisor
from pipelines.runtime.streams.conservation_check import check_lake
from pipelines.runtime.streams.driver import ensure_lake
from pipelines.runtime.streams.queries.clean_silver import clean_silver
from pipelines.runtime.streams.queries.land_bronze import land_bronze
from pipelines.settings import Stream, TableStream, load_settings
from tests.records import CLICK
from tests.runtime.stage import Listener

pytestmark = [pytest.mark.spark, pytest.mark.services]

PACE = Stream(trigger_seconds=0.5, max_records=10_000)
TABLE_PACE = TableStream(trigger_seconds=0.5, max_mib=32)
CRASHES = [
    "land_bronze.after_append:bronze.records@1=raise",
    "clean_silver.before_append:silver.events@1=raise",
]
MOST_SECONDS = 90


class Watching(Listener):
    """Keeps states and beats, and forgets batches."""

    def record(self, report):
        """Forget it."""


@pytest.fixture
def names(tmp_path):
    yield Names.of(var_dir=str(tmp_path), lake=str(tmp_path / "lake"))
    arm([], ledger=tmp_path / "none")


def noting_its_pool(spec, pools):
    """The query; `pools` gets the scheduler pool that each of its batches runs in."""

    def begin():
        process = spec.begin()

        def note(batch, context):
            spark = batch.sparkSession.sparkContext
            pools.add((spec.name, spark.getLocalProperty("spark.scheduler.pool")))
            return process(batch, context)

        return note

    return replace(spec, begin=begin)


def count(names, table, where="true"):
    return LakeReader(names).rows(f"select count(*) as n from {table} where {where}")[0]["n"]


def test_both_queries_fail_once_and_every_record_arrives_once(spark, stack, names, monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_WAIT_SECONDS", 0.1)
    mine, sent, pools = uuid.uuid4().hex, 200, set()
    ensure_topics(stack.kafka, planned_topics([]), partitions=2, max_message_bytes=8_388_608)
    with Producer(stack.kafka, max_message_bytes=8_388_608) as producer:
        click = {**CLICK, "visitor_id": mine, "occurred_at": datetime.now(UTC).isoformat()}
        for n in range(sent):
            producer.send(
                "clicks", key=mine.encode(), value=json.dumps({**click, "event_id": f"{mine}-{n}"}).encode()
            )
        producer.flush()
    ensure_lake(spark, names)
    specs = [
        land_bronze(spark, names, bootstrap=stack.kafka, bound=[], stream=PACE),
        clean_silver(spark, names, reader=record_reader(load_settings()), stream=TABLE_PACE),
    ]
    arm(CRASHES, ledger=names.failpoint_ledger)
    told, stop = Watching(), threading.Event()
    watched = supervisor.Supervisor(spark, [noting_its_pool(one, pools) for one in specs], names, told)

    def stop_when_all_is_there():
        deadline = time.monotonic() + MOST_SECONDS
        while time.monotonic() < deadline and count(names, "silver.events", f"visitor_id = '{mine}'") < sent:
            time.sleep(0.5)
        stop.set()

    waiting = threading.Thread(target=stop_when_all_is_there)
    waiting.start()
    watched.start()
    watched.run(stop)
    waiting.join()

    assert sorted(fired(names.failpoint_ledger)) == sorted(CRASHES)
    assert count(names, "bronze.records", f"key = '{mine}'::blob") == sent
    assert count(names, "silver.events", f"visitor_id = '{mine}'") == sent
    assert check_lake(spark, names, bootstrap=stack.kafka).holds
    for name in (LAND_BRONZE, CLEAN_SILVER):
        last = told.of(name)[-1]
        assert (last.state, last.restarts) == ("stopped", 1)
        assert last.last_error.startswith("Injected: failpoint")
    assert pools == {(LAND_BRONZE, LAND_BRONZE), (CLEAN_SILVER, CLEAN_SILVER)}
