"""Kafka → bronze → silver → features, with a reader beside it: what it read is what silver makes of it."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import msgspec
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from pipelines.connectors.kafka import ensure_topics, planned_topics
from pipelines.connectors.names import Names
from pipelines.connectors.postgres import connect, migrate
from pipelines.contracts.feature_reads import FEATURE_READS
from pipelines.errors import LakeError, ServiceError
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.consistency import check_reads
from pipelines.runtime.features.sampling import Sources, now, sample
from pipelines.runtime.reading import record_reader
from pipelines.runtime.streams.driver import ensure_lake
from pipelines.runtime.streams.site import Site
from pipelines.settings import load_settings
from tests.runtime.features.running_lake import MESSAGE_BYTES, RunningLake

pytestmark = [pytest.mark.spark, pytest.mark.services]


@pytest.fixture
def names(tmp_path):
    return Names.of(var_dir=str(tmp_path), lake=str(tmp_path / "lake"))


@pytest.fixture
def lake(spark, stack, database, names):
    bound = f"other_shop_{uuid.uuid4().hex[:8]}"
    ensure_topics(stack.kafka, planned_topics([bound]), partitions=2, max_message_bytes=MESSAGE_BYTES)
    pace = ("bronze", "silver", "features")
    given = [
        f"bindings=[{{topic: {bound}, mapping: attribution}}]",
        *(f"{one}.trigger_seconds=0.5" for one in pace),
    ]
    settings = load_settings(overrides=given)
    with connect(database) as connection:
        migrate(connection)
    ensure_lake(spark, names)
    services = SimpleNamespace(kafka=stack.kafka, postgres=SimpleNamespace(address=lambda: database))
    return RunningLake(Site(spark, settings, names, services, record_reader(settings)), bound)


def sources_of(lake):
    """Where a reader beside the lake reads."""
    services = lake.site.services
    topics = ("clicks", "orders", lake.bound)
    return Sources(services.kafka, topics, lake.site.reader, services.postgres.address())


def reads_in(names):
    """The rows of what was read."""
    return DeltaTable(names.table(FEATURE_READS.name)).to_pyarrow_table()


def test_what_was_read_beside_running_streams_is_what_silver_makes_of_it(lake, names):
    lake.send(seed=1, seconds=1)
    lake.read_all()
    stop = threading.Event()
    with lake.running(), ThreadPoolExecutor() as pool:
        sampled = pool.submit(sample, sources_of(lake), names, rate=60, seed=7, clock=now, stop=stop)
        try:
            lake.send(seed=2, seconds=8)
            lake.await_features(seconds=30)
        finally:
            stop.set()
        done = sampled.result()
    rows = reads_in(names)
    assert (rows.num_rows, {*rows["feature_set"].to_pylist()}) == (done.reads, {*all_sets()})
    assert sum(count > 0 for count in rows["in_flight"].to_pylist()) > 20
    assert len(rows["positions"].unique()) > 2
    result = check_reads(lake.site.spark, names, most=10_000, wait_seconds=5)
    assert result.as_data() | {"sets": []} == {
        "holds": True,
        "reads": done.reads,
        "left_out": 0,
        "values": result.as_data()["values"],
        "mismatch": 0,
        "missing": 0,
        "extra": 0,
        "late_share": result.as_data()["late_share"],
        "sets": [],
    }
    assert result.as_data()["late_share"] > 0
    assert_a_wrong_value_is_found(lake, names, rows)


def assert_a_wrong_value_is_found(lake, names, rows):
    """One that is not what it was, one that was not known, one that nobody could know."""
    newest = max(rows["at"].to_pylist())
    read = next(row for row in rows.to_pylist() if row["at"] == newest and "null" in row["features"])
    values = msgspec.json.decode(read["features"])
    known, other, *_ = [name for name, value in values.items() if isinstance(value, int)]
    empty = next(name for name, value in values.items() if value is None)
    wrong = values | {known: values[known] + 1, other: None, empty: 1}
    later = {"reader": "", "features": msgspec.json.encode(wrong).decode()}
    write_deltalake(
        names.table(FEATURE_READS.name),
        pa.Table.from_pylist([read | later], schema=rows.schema),
        mode="append",
    )
    found = check_reads(lake.site.spark, names, most=1, wait_seconds=0)
    assert not found.holds
    (told,) = found.as_data()["sets"]
    faults = {name: (one["mismatch"], one["missing"], one["extra"]) for name, one in told["features"].items()}
    assert {name: one for name, one in faults.items() if any(one)} == {
        known: (1, 0, 0),
        other: (0, 1, 0),
        empty: (0, 0, 1),
    }


def test_without_reads_there_is_nothing_to_prove(spark, names):
    with pytest.raises(LakeError, match="no read has been logged: run `clicklake run sample_features` first"):
        check_reads(spark, names, most=10, wait_seconds=0)


def test_without_feature_sets_there_is_nothing_to_read(lake, names):
    with connect(lake.site.services.postgres.address()) as connection, connection.cursor() as cursor:
        cursor.execute("drop schema features cascade")
        connection.commit()
    with pytest.raises(ServiceError, match="no feature sets yet"):
        sample(sources_of(lake), names, rate=1, seed=7, clock=now, stop=threading.Event())
